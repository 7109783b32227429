"""Mailpit's search language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.backends.inbox.mail import Envelope
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.search import search
from tests.unit.inbox_samples import mailbox_of, order_mail, received


def three_mails() -> Mailbox:
    """Return a mailbox with orders 1 and 2, and a different mail with an attachment."""
    different = order_mail(3, to="Grace Hopper <grace@navy.example>")
    different.replace_header("Subject", "Payment declined")
    different["Cc"] = "Billing <billing@example.com>"
    different["Reply-To"] = "help@orderscope.example"
    different.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    return mailbox_of(
        received(order_mail(1)),
        received(order_mail(2)),
        received(different, Envelope("shop@orderscope.example", ("grace@navy.example", "audit@example.com"))),
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("order", "321"),
        ("ORDER done", "321"),
        ("order nothing", ""),
        ('"order 2 is done"', "2"),
        ('"done order"', ""),
        ('"your order 1', "1"),
        ("bill.pdf", "3"),
        ("to:grace@navy.example", "3"),
        ("to:lovelace", "21"),
        ('to:"ada lovelace"', "21"),
        ("from:shop@orderscope.example", "321"),
        ("from:ada", ""),
        ("cc:billing", "3"),
        ("bcc:audit@example.com", "3"),
        ("reply-to:help", "3"),
        ("addressed:audit", "3"),
        ("subject:declined", "3"),
        ('subject:"order 2"', "2"),
        ("subject:hello", ""),
        ("message-id:event-2@orderscope.example", "2"),
        ("message-id:<event-2@orderscope.example>", "2"),
        ("has:attachment", "3"),
        ("-has:attachments", "21"),
        ("!subject:declined order", "21"),
        ('-"order 1" to:ada', "2"),
        ("is:unread", "321"),
        ("is:read", ""),
        ("SUBJECT:Declined", "3"),
        ("-", "321"),
        ("to:", "321"),
        ("unknown:word", ""),
    ],
)
def test_queries_find_what_mailpit_finds(query: str, expected: str) -> None:
    """Words, phrases, places, states and their opposites, newest first."""
    found = search(three_mails(), query)
    assert "".join(mail.message_id[len("event-")] for mail in found) == expected


def test_reading_a_mail_changes_what_is_unread() -> None:
    """States are those of the moment."""
    mailbox = three_mails()
    mailbox.mark_read(mailbox.newest_first()[0])
    assert [mail.subject for mail in search(mailbox, "is:read")] == ["Payment declined"]
    assert len(search(mailbox, "is:unread")) == 2


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_query_is_answered(query: str) -> None:
    """Nothing that can be typed breaks the search."""
    assert len(search(mailbox_of(received(order_mail())), query)) <= 1
