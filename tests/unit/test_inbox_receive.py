"""What the inbox reads out of a mail."""

from email.message import EmailMessage

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.backends.inbox.mail import Address, Envelope
from stack.backends.inbox.shapes import headers_json, message_json, summary_json
from tests.unit.inbox_samples import order_mail, received


def test_an_ordinary_mail_is_read() -> None:
    """People, subject, id and preview are what the sender wrote."""
    mail = received(order_mail(7))
    assert mail.sender == Address("Orderscope", "shop@orderscope.example")
    assert mail.to == (Address("Ada Lovelace", "ada@example.com"),)
    assert mail.subject == "Your order 7 is on its way"
    assert mail.message_id == "event-7@orderscope.example"
    assert mail.snippet == "Hello, your order 7 is done."
    assert (mail.cc, mail.bcc, mail.reply_to, mail.attachments) == ((), (), (), 0)


def test_encoded_words_are_decoded() -> None:
    """Names and subjects beyond ASCII read as they were written, also when a name contains a comma."""
    message = order_mail(to='"Müller, Jörg" <joerg@example.com>, bob@example.com')
    message.replace_header("Subject", "Größe: 5 €")
    mail = received(message)
    assert mail.subject == "Größe: 5 €"
    assert mail.to == (Address("Müller, Jörg", "joerg@example.com"), Address("", "bob@example.com"))


def test_plain_utf_8_headers_are_read() -> None:
    """RFC 6532 allows UTF-8 as it is."""
    mail = received("From: Jörg <j@example.com>\r\nSubject: Grüße\r\n  und mehr\r\n\r\n".encode())
    assert (mail.sender.name, mail.subject) == ("Jörg", "Grüße und mehr")


def test_recipients_whom_no_header_names_are_blind_copies() -> None:
    """The envelope tells who got the mail."""
    recipients = ("ADA@example.com", "secret@example.com")
    mail = received(order_mail(), Envelope("shop@orderscope.example", recipients))
    assert mail.bcc == (Address("", "secret@example.com"),)
    assert mail.return_path == "shop@orderscope.example"


def test_attachments_are_counted_and_listed() -> None:
    """Files are listed apart from texts; inline images do not count as attachments."""
    message = order_mail()
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    message.add_attachment("a,b", subtype="csv", filename="items.csv")
    message.add_attachment(b"x", maintype="image", subtype="png", disposition="inline", cid="<logo>")
    mail = received(message)
    assert mail.attachments == 2
    details = message_json(mail)
    assert details["Attachments"] == [
        {"PartID": "3", "FileName": "bill.pdf", "ContentType": "application/pdf", "ContentID": "", "Size": 4},
        {"PartID": "4", "FileName": "items.csv", "ContentType": "text/csv", "ContentID": "", "Size": 4},
    ]
    assert details["Inline"] == [
        {"PartID": "5", "FileName": "", "ContentType": "image/png", "ContentID": "logo", "Size": 1}
    ]


def test_html_alone_is_searched_and_previewed_without_its_tags() -> None:
    """Scripts and styles are no words."""
    message = EmailMessage()
    message.set_content("<style>p{}</style><script>bad()</script><p>Hello &amp; welcome</p>", subtype="html")
    mail = received(message)
    assert mail.snippet == "Hello & welcome"
    assert message_json(mail)["Text"] == ""


@pytest.mark.parametrize("charset", ["no-such-charset", "hex", "punycode", "idna", "", "\x00"])
def test_unusable_charsets_are_read_as_utf_8(charset: str) -> None:
    """A text is never lost because of a wrong label."""
    source = f"Content-Type: text/plain; charset={charset}\r\n\r\nGrüße".encode()
    assert str(message_json(received(source))["Text"]).startswith("Grüße")


def test_the_date_is_that_of_the_header() -> None:
    """In UTC; a missing or impossible one is replaced by the time of arrival."""
    mail = received(b"Date: Sat, 31 Jan 2026 13:00:00 +0100\r\n\r\n")
    assert message_json(mail)["Date"] == "2026-01-31T12:00:00.000Z"
    for broken in (b"", b"Date: yesterday\r\n", b"Date: Sat, 99 Jan 99999 99:00 +9999999\r\n"):
        mail = received(broken + b"\r\n")
        assert message_json(mail)["Date"] == summary_json(mail, read=False)["Created"]


HOSTILE = {
    "no headers": b"just text",
    "nothing": b"",
    "only headers": b"Subject: x",
    "zeros": b"\x00" * 1000,
    "8 bit everywhere": b"Subject: \xff\xfe\r\nX-\xff: y\r\nContent-Type: a/\xff\r\nContent-ID: \xff\r\n\r\n",
    "lone surrogates": b"Subject: =?utf-7?q?+2AA-?=\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-",
    "broken words": b"Subject: =?utf-8?b?!!!?= =?x?q?a?= =?utf-8?q?=FF?=\r\n\r\n",
    "no boundary": b"Content-Type: multipart/mixed\r\n\r\ntext",
    "unclosed multipart": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext",
    "absurd parameters": b"Content-Type: multipart/mixed; boundary*" + b"9" * 5000 + b"=x\r\n\r\ntext",
    "absurd name": b"Content-Type: a/b; name*" + b"9" * 5000 + b"=x\r\n\r\ntext",
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
    "nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(5_000)
    ),
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 50_000,
    "comments": b"To: " + b"(" * 200_000 + b"\r\n\r\n",
    "parameters": b"Content-Type: text/plain" + b";" * 1_000_000 + b"\r\n\r\n",
    "tags": b"Content-Type: text/html\r\n\r\n" + b"<" * 1_000_000,
    "slow charset": b"Content-Type: text/plain; charset=punycode\r\n\r\na-" + b"z" * 1_000_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_malformed_mails_are_read_as_far_as_they_go(name: str) -> None:
    """Each is listed and shown, soon, whatever the standard library thinks of it."""
    mail = received(HOSTILE[name])
    for shape in (summary_json(mail, read=False), message_json(mail), headers_json(mail)):
        assert orjson.dumps(shape)
    assert mail.search_text == mail.search_text.lower()


lines = st.sampled_from(
    [
        *(
            "Subject: ",
            "From: ",
            "To: ",
            "Date: ",
            "Message-ID: <",
            "Content-Type: multipart/mixed; boundary=b",
        ),
        *("Content-Type: text/html; charset=", "Content-Transfer-Encoding: base64", "--b", "--b--", ""),
        *(
            'Content-Disposition: attachment; filename="',
            "Content-Transfer-Encoding: x-uuencode",
            "begin 644 x",
        ),
        *("=?utf-8?q?", "Content-Type: message/rfc822", "a@b, <", "(", "name*0*=utf-8''%ff"),
    ]
).map(str.encode)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(lines, st.binary(max_size=12)), max_size=12), st.sampled_from([b"\r\n", b"\n"]))
def test_any_mail_is_taken(parts: list[tuple[bytes, bytes]], newline: bytes) -> None:
    """Random sources out of the words of MIME are listed and shown."""
    mail = received(newline.join(line + junk for line, junk in parts))
    assert orjson.dumps([summary_json(mail, read=True), message_json(mail), headers_json(mail)])
