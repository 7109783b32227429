"""Emails: both bodies, nothing that could run in them, nothing that could break out of a header."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.notifier.emails import HIDDEN, REASONS, UNKNOWN_REASON, compose
from services.notifier.messages import Name
from tests.contract.generate import EMAILS
from tests.unit.test_notifier_notify import ORDER_ID, event

SENDER, FAILED = "orders@shop.example", "Your order could not be fulfilled"
NAMES = st.from_regex(
    TypeAdapter(Name).json_schema()["pattern"],
    fullmatch=True,
    alphabet=st.characters(codec="utf-8"),
).filter(lambda name: len(name) <= 200)


def bodies(message: EmailMessage) -> tuple[str, str]:
    """Return the plain text and the HTML of an email."""
    text, html = (part.get_content() for part in message.iter_parts() if isinstance(part, EmailMessage))
    return text, html


class Text(HTMLParser):
    """Takes a page apart: its text, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.append(tag)


@given(NAMES.filter(lambda name: bool(name.strip()) and not HIDDEN.search(name)))
@example("<script>alert(1)</script>")
@example("{order_id} {0} %s")
@example("&lt;b&gt;")
def test_both_bodies_greet_by_name_and_nothing_more(name: str) -> None:
    """Whatever a customer is called, it is text: it makes no tag, and it is there as it was given."""
    text, html = bodies(compose(event(name), SENDER))
    assert f"Hello {name}," in text
    page = Text(html)
    assert f"Hello {name}," in page.text
    assert page.tags == ["html", "head", "meta", "title", "body", "h1", "p", "p", "p", "p"]


@pytest.mark.parametrize(
    ("reason", "subject", "sentence"),
    [
        (None, "Your order is on its way", "Thank you: your order is paid and on its way."),
        *((reason, FAILED, text) for reason, text in REASONS.items()),
        *((reason, FAILED, UNKNOWN_REASON) for reason in ("retries_exhausted", "<b>")),
    ],
)
def test_the_outcome_is_explained(reason: str | None, subject: str, sentence: str) -> None:
    """Which order it is, and what became of it; a reason is given in words, never as it is."""
    email = compose(event(reason=reason), SENDER)
    assert email["Subject"] == subject
    text, html = bodies(email)
    for body in (text, Text(html).text):
        assert sentence in body
        assert ORDER_ID in body
        assert ("Nothing was charged." in body) == bool(reason)
        assert not reason or reason not in body


@given(NAMES, EMAILS)
@example("=?utf-8?q?=0D=0ABcc=3A_everyone=40example.com?=", "ada@example.com")
@example('"Ada" <eve@example.com>, ', "ada@example.com")
@example("a\x85Bcc: everyone@example.com", "ada@example.com")
@example('é"; <eve@example.com>, ', "ada@example.com")
@example("x" * 200, "ada@example.com")
def test_no_name_can_break_out_of_its_header(name: str, address: str) -> None:
    """The message that is sent has the headers that it should have, and one recipient."""
    sent = compose(event(name, address), SENDER)
    received = message_from_bytes(sent.as_bytes(policy=policy.SMTP), policy=policy.SMTP)
    assert isinstance(received, EmailMessage)
    assert received.keys() == sent.keys()
    assert [recipient.addr_spec for recipient in received["To"].addresses] == [address]
    assert received["Subject"] == "Your order is on its way"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë Quinn", "Zoë Quinn"),
        ("伊藤", "伊藤"),
        ("अदिति", "अदिति"),
        ("O'Brien, Jr.", "O'Brien Jr"),
        ('Zoë "Z" <eve@example.com>', "Zoë Z eve example com"),
        ("?!,", "!"),
        ("A\u202ed\x9ba\u2069", "Ada"),
        ("\x85\xa0", ""),
    ],
)
def test_names_arrive_without_what_headers_are_made_of(name: str, shown: str) -> None:
    """Encoded on the way, the recipient's mail program shows the name."""
    email = compose(event(name), SENDER)
    assert not any(HIDDEN.search(body) for body in bodies(email))
    assert shown or bodies(email)[0].startswith("Hello,")
    received = message_from_bytes(email.as_bytes(), policy=policy.default)
    [recipient] = received["To"].addresses
    assert recipient.display_name == shown


def test_the_message_is_a_proper_automatic_one() -> None:
    """Both bodies, the event's id as Message-ID, and no invitation to answer automatically (RFC 3834)."""
    message = compose(event(), SENDER)
    assert message["Message-ID"] == f"<{event().id}@shop.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Order-ID"] == ORDER_ID
    assert message["From"] == f"Orderscope <{SENDER}>"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+]0000", message["Date"])
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
