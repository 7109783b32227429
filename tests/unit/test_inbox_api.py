"""The inbox over HTTP: Mailpit's API and the pages."""

import orjson
import pytest

from stack.backends.inbox.http import http_app
from stack.backends.inbox.mail import Mail
from stack.backends.inbox.mailbox import Mailbox
from tests.unit.backend_client import Client
from tests.unit.inbox_samples import mailbox_of, order_mail, received

HOSTILE = "<script>alert(1)</script>"


def five() -> tuple[Client, Mailbox, list[Mail]]:
    """Return a client of an inbox with five mails, the inbox and the mails in order of arrival."""
    mails = [received(order_mail(number)) for number in range(1, 6)]
    mailbox = mailbox_of(*mails)
    return Client(http_app(mailbox)), mailbox, mails


async def test_an_empty_inbox_lists_nothing() -> None:
    """All the numbers are there, and 0."""
    answer = await Client(http_app(mailbox_of())).get("/api/v1/messages")
    numbers = dict.fromkeys(("total", "unread", "count", "messages_count", "messages_unread", "start"), 0)
    assert answer.json() == {**numbers, "tags": [], "messages": []}


async def test_messages_have_mailpits_shape() -> None:
    """The whole entry, field by field."""
    client, _, mails = five()
    [entry] = (await client.get("/api/v1/messages", limit="1")).json()["messages"]
    assert entry == {
        "ID": mails[4].id,
        "MessageID": "event-5@orderscope.example",
        "Read": False,
        "From": {"Name": "Orderscope", "Address": "shop@orderscope.example"},
        "To": [{"Name": "Ada Lovelace", "Address": "ada@example.com"}],
        "Cc": [],
        "Bcc": [],
        "ReplyTo": [],
        "Subject": "Your order 5 is on its way",
        "Created": mails[4].received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Username": "",
        "Tags": [],
        "Size": len(mails[4].source),
        "Attachments": 0,
        "Snippet": "Hello, your order 5 is done.",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"limit": "2"}, [5, 4]),
        ({"start": "1", "limit": "2"}, [4, 3]),
        ({"start": "9"}, []),
        ({"start": "-1", "limit": "x"}, [5, 4, 3, 2, 1]),
        ({"limit": "9" * 5_000}, [5, 4, 3, 2, 1]),
    ],
)
async def test_the_newest_come_first_in_pages(query: dict[str, str], expected: list[int]) -> None:
    """Pages are cut by start and limit; nonsense is ignored, as in Mailpit."""
    client, _, _ = five()
    answer = (await client.get("/api/v1/messages", **query)).json()
    assert [int(entry["Subject"].split()[2]) for entry in answer["messages"]] == expected
    assert (answer["total"], answer["messages_count"], answer["count"]) == (5, 5, len(expected))


async def test_fifty_are_listed_unless_asked() -> None:
    """Mailpit's default."""
    mailbox = mailbox_of(*(received(order_mail(number)) for number in range(60)))
    assert (await Client(http_app(mailbox)).get("/api/v1/messages")).json()["count"] == 50


async def test_search_counts_what_matches() -> None:
    """Totals are those of the inbox, counts those of the search."""
    client, _, _ = five()
    answer = (await client.get("/api/v1/search", query='subject:"order 3"')).json()
    assert [entry["MessageID"] for entry in answer["messages"]] == ["event-3@orderscope.example"]
    assert (answer["total"], answer["messages_count"], answer["messages_unread"]) == (5, 1, 1)
    for empty in ({}, {"query": " "}):
        assert (await client.get("/api/v1/search", **empty)).status == 400


async def test_a_message_is_shown_whole_and_counts_as_read() -> None:
    """Text, HTML, date and all; the list knows afterwards."""
    client, _, mails = five()
    for path in (mails[4].id, "latest"):
        message = (await client.get(f"/api/v1/message/{path}")).json()
        assert message["Text"].replace("\r\n", "\n") == "Hello,\nyour order 5 is done.\n"
        assert "<b>order 5</b>" in message["HTML"]
        assert message["ReturnPath"] == "shop@orderscope.example"
        assert (message["Attachments"], message["Inline"]) == ([], [])
    listed = (await client.get("/api/v1/messages")).json()
    assert [entry["Read"] for entry in listed["messages"]] == [True, False, False, False, False]
    assert listed["unread"] == 4


async def test_headers_and_source_are_given_as_they_came() -> None:
    """Names in Go's spelling, values not decoded."""
    client, _, mails = five()
    headers = (await client.get(f"/api/v1/message/{mails[0].id}/headers")).json()
    assert headers["Message-Id"] == ["<event-1@orderscope.example>"]
    assert list(headers) == sorted(headers)
    raw = await client.get(f"/api/v1/message/{mails[0].id}/raw")
    assert raw.body == mails[0].source
    assert raw.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["message/unknown", "message/unknown/headers", "message/unknown/raw"])
async def test_unknown_messages_are_404(path: str) -> None:
    """So is the latest of none."""
    client, _, _ = five()
    assert (await client.get(f"/api/v1/{path}")).status == 404
    assert (await Client(http_app(mailbox_of())).get("/api/v1/message/latest")).status == 404


async def test_all_messages_or_some_can_be_deleted() -> None:
    """Ids delete what they name; no ids delete everything; nonsense deletes nothing."""
    client, mailbox, mails = five()
    for nonsense in (b"{", b"[]", b'{"IDs": 1}', b'"x"'):
        assert (await client.send("DELETE", "/api/v1/messages", chunks=[nonsense])).status == 400
    some = orjson.dumps({"IDs": [mails[0].id, mails[1].id]})
    answer = await client.send("DELETE", "/api/v1/messages", chunks=[some])
    assert (answer.status, answer.body, len(mailbox.newest_first())) == (200, b"ok", 3)
    assert (await client.send("DELETE", "/api/v1/messages", chunks=[b"x" * (2**20 + 1)])).status == 413
    await client.send("DELETE", "/api/v1/messages")
    assert mailbox.newest_first() == []


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz"])
async def test_it_says_that_it_is_well(path: str) -> None:
    """Under our own name for it and Mailpit's."""
    assert (await Client(http_app(mailbox_of())).get(path)).status == 200


async def test_pages_show_the_list_and_a_mail() -> None:
    """A person can look, and search."""
    client, mailbox, mails = five()
    listed = (await client.get("/")).body.decode()
    assert listed.index("Your order 5") < listed.index("Your order 1")
    assert f"/view/{mails[0].id}" in listed
    assert "Your order 2" not in (await client.get("/search", q='"order 1"')).body.decode()
    shown = (await client.get(f"/view/{mails[0].id}")).body.decode()
    assert "your order 1 is done." in shown
    assert mailbox.is_read(mails[0])
    assert (await client.get("/view/unknown")).status == 404


async def test_hostile_mails_are_escaped() -> None:
    """HTML in any header or in the text stays text."""
    source = (
        f'To: "{HOSTILE}" <a@example.com>\r\nSubject: {HOSTILE}\r\nMessage-ID: <{HOSTILE}>\r\n\r\n{HOSTILE}'
    )
    mail = received(source.encode())
    client = Client(http_app(mailbox_of(mail)))
    for path, query in (("/", {}), (f"/view/{mail.id}", {}), ("/search", {"q": HOSTILE})):
        answer = await client.get(path, **query)
        assert "<script" not in answer.body.decode()
        assert "&lt;script&gt;" in answer.body.decode()
        assert "default-src 'none'" in answer.headers["content-security-policy"]
