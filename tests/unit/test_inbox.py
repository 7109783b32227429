"""The inbox: email in by SMTP, the part of Mailpit's API that is used here and a page out."""

import asyncio
from email.message import EmailMessage

import aiosmtplib
import pytest
from starlette.testclient import TestClient

from stack.backends.inbox.app import MAX_BYTES, inbox_app
from stack.backends.inbox.mailbox import Mail, Mailbox
from stack.ports import free_port

ENCODED = (
    b"Subject: =?utf-8?q?Bestellung_f=C3=BCr?=\r\n Ada\r\n"
    b"To: =?utf-8?q?D=C3=B6e=2C_Ada?= <ada@example.com>\r\n"
    b"Content-Type: text/plain; charset=latin-1\r\n\r\n\xfcber"
)


def order_mail(number: int = 1, to: str = "Ada Lovelace <ada@example.com>") -> EmailMessage:
    """Return the email about an order, in text and HTML."""
    message = EmailMessage()
    message["From"] = "Orderscope <shop@orderscope.example>"
    message["To"] = to
    message["Subject"] = f"Your order {number} is on its way"
    message["Message-ID"] = f"<event-{number}@orderscope.example>"
    message["X-Order-Id"] = f"order-{number}"
    message.set_content(f"Hello,\nyour order {number} is done.\n")
    message.add_alternative(f"<p>Hello,<br>your <b>order {number}</b> is done.</p>", subtype="html")
    return message


def inbox(*sources: EmailMessage | bytes, max_bytes: int = 2**20) -> TestClient:
    """Return a client of an inbox in which emails have arrived; it takes none by SMTP."""
    mailbox = Mailbox(max_bytes)
    for source in sources:
        mailbox.add(Mail(source if isinstance(source, bytes) else source.as_bytes()))
    return TestClient(inbox_app(mailbox, 0))


def subjects(client: TestClient, path: str = "messages", **query: str) -> list[str]:
    """Return the subjects of the emails that are listed."""
    messages = client.get(f"/api/v1/{path}", params=query).raise_for_status().json()["messages"]
    return [message["Subject"].removeprefix("Your ").removesuffix(" is on its way") for message in messages]


def test_an_email_is_listed_and_shown_as_mailpit_does() -> None:
    """Ids, addresses, subject, both texts and all headers, by Mailpit's names."""
    client = inbox(order_mail())
    listed = client.get("/api/v1/messages").json()
    [entry] = listed["messages"]
    assert (listed["total"], listed["messages_count"]) == (1, 1)
    assert entry["MessageID"] == "event-1@orderscope.example"
    assert entry["From"] == {"Name": "Orderscope", "Address": "shop@orderscope.example"}
    assert entry["To"] == [{"Name": "Ada Lovelace", "Address": "ada@example.com"}]
    message = client.get(f"/api/v1/message/{entry['ID']}").json()
    assert message == {**entry, "Text": message["Text"], "HTML": message["HTML"]}
    assert message["Text"].split() == ["Hello,", "your", "order", "1", "is", "done."]
    assert "<b>order 1</b>" in message["HTML"]
    headers = client.get(f"/api/v1/message/{entry['ID']}/headers").json()
    assert headers["Message-Id"] == ["<event-1@orderscope.example>"]
    assert headers["X-Order-Id"] == ["order-1"]
    for path in ("message/unknown", "message/unknown/headers", "messages?limit=all"):
        assert client.get(f"/api/v1/{path}").status_code == (400 if "?" in path else 404)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["order 3", "order 2", "order 1"]),
        ({"limit": "2"}, ["order 3", "order 2"]),
        ({"start": "1", "limit": "1"}, ["order 2"]),
        ({"start": "9"}, []),
        ({"start": "-1", "limit": "-1"}, []),
        ({"query": "to:ada"}, ["order 1"]),
        ({"query": 'to:ADA subject:"order 1 is"'}, ["order 1"]),
        ({"query": "subject:order from:shop", "limit": "2"}, ["order 3", "order 2"]),
        ({"query": "from:ada"}, []),
        ({"query": '"order 2"'}, ["order 2"]),
        ({"query": '"order 2'}, ["order 2"]),
        ({"query": "done. grace 2"}, ["order 2"]),
        ({"query": "to:ada grace"}, []),
    ],
)
def test_emails_are_found_by_all_words_the_newest_first_in_pages(
    query: dict[str, str], expected: list[str]
) -> None:
    """A term is looked for in one place or anywhere, whatever its case; quotes hold words together."""
    client = inbox(order_mail(1), order_mail(2, "grace@example.com"), order_mail(3, "grace@example.com"))
    assert subjects(client, "search", **query) == expected


def test_the_oldest_emails_make_room() -> None:
    """Memory is bounded; an email that is too large for it is not kept."""
    large = b"Subject: %d\r\n\r\n" + b"x" * 30_000
    client = inbox(large % 1, large % 2, large % 3, max_bytes=150_000)
    assert subjects(client) == ["3", "2"]
    assert subjects(inbox(b"Subject: huge\r\n\r\n" + b"x" * 100_000, max_bytes=150_000)) == []


@pytest.mark.parametrize(
    ("source", "subject", "people", "text"),
    [
        (
            ENCODED,
            "Bestellung für Ada",
            [{"Name": "Döe, Ada", "Address": "ada@example.com"}],
            "über",
        ),
        (
            "Subject: für\r\nTo: ada@bücher.example\r\n\r\ntext".encode(),
            "für",
            [{"Name": "", "Address": "ada@bücher.example"}],
            "text",
        ),
        (
            b"Subject: =?utf-8?q?=FF?=\r\nFrom: \xff\r\nTo: \xff <ada@example.com>\r\n\r\n\xff",
            "\ufffd",
            [{"Name": "\ufffd", "Address": "ada@example.com"}],
            "\ufffd",
        ),
        (b"Subject: =?utf-8?b?x?=\r\n\r\n", "=?utf-8?b?x?=", [], ""),
        (b"Subject: =?klingon?q?x?=\r\n\r\n", "=?klingon?q?x?=", [], ""),
        (b"", "", [], ""),
    ],
)
def test_headers_and_texts_are_decoded(
    source: bytes, subject: str, people: list[dict[str, str]], text: str
) -> None:
    """Encoded words, UTF-8 in headers, folded lines and charsets read as meant, where they can be."""
    client = inbox(source)
    [listed] = client.get("/api/v1/messages").json()["messages"]
    message = client.get(f"/api/v1/message/{listed['ID']}").json()
    assert (message["Subject"], message["To"], message["Text"]) == (subject, people, text)


def test_text_from_emails_is_never_markup() -> None:
    """Whatever an email holds is escaped on the page, and the browser may run and load nothing."""
    source = "To: {0}\r\nSubject: {0}\r\n\r\n{0}".format("<script>alert(1)</script>")
    answer = inbox(source.encode()).get("/")
    assert "<script" not in answer.text
    assert answer.text.count("&lt;script&gt;") == 3
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_burst_by_smtp_arrives_complete() -> None:
    """Many emails over many connections are there when their senders hear so.

    What is too large, or in a charset that nobody knows, is answered with an error, and the session goes on.
    """
    unknown = b"Content-Type: text/plain; charset=klingon\r\n\r\ntext"
    too_large = (b"x" * 70 + b"\r\n") * (MAX_BYTES // 70)
    port = free_port()

    async def send(numbers: range) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=20) as sender:
            for source in (unknown, too_large) if 0 in numbers else ():
                with pytest.raises(aiosmtplib.SMTPResponseException):
                    await sender.sendmail("a@example.com", ["b@example.com"], source)
            for number in numbers:
                await sender.send_message(order_mail(number))

    with TestClient(inbox_app(Mailbox(), port)) as client:
        await asyncio.gather(*(send(range(start, start + 10)) for start in range(0, 100, 10)))
        assert len(set(subjects(client, limit="1000"))) == 100
