"""What the inbox keeps, and what it lets go."""

import tracemalloc

from stack.backends.inbox.mailbox import Limits, Mailbox
from tests.unit.inbox_samples import mailbox_of, order_mail, received


def subjects(mailbox: Mailbox) -> list[str]:
    """Return the numbers of the orders in the mailbox, newest first."""
    return [mail.subject.split()[2] for mail in mailbox.newest_first()]


def test_the_oldest_mail_makes_room() -> None:
    """Past the number of mails the first one goes."""
    mailbox = mailbox_of(*(received(order_mail(n)) for n in (1, 2, 3)), limits=Limits(max_messages=2))
    assert subjects(mailbox) == ["3", "2"]


def test_memory_is_bounded() -> None:
    """Large mails evict others by their size; one that is too large for the inbox is not kept."""
    mailbox = Mailbox(Limits(max_bytes=40_000))
    for number in (1, 2, 3):
        message = order_mail(number)
        message.add_attachment(b"x" * 10_000, maintype="application", subtype="pdf", filename="a.pdf")
        mailbox.add(received(message))
    assert subjects(mailbox) == ["3", "2"]
    assert mailbox.size <= 40_000
    mailbox.add(received(b"\r\n" + b"x" * 60_000))
    assert (mailbox.newest_first(), mailbox.size) == ([], 0)


def test_deleting_gives_everything_back() -> None:
    """Deleted mails leave no trace in numbers or memory."""
    mails = [received(order_mail(number)) for number in (1, 2, 3)]
    mailbox = mailbox_of(*mails)
    mailbox.delete([mails[1].id, "unknown", mails[1].id])
    assert subjects(mailbox) == ["3", "1"]
    mailbox.clear()
    assert (subjects(mailbox), mailbox.size) == ([], 0)


def test_the_estimate_of_memory_is_honest() -> None:
    """What the mailbox says that it occupies is what it occupies, give or take a third."""
    sources = [order_mail(number).as_bytes() for number in range(300)]
    received(sources[0])
    tracemalloc.start()
    try:
        mailbox = mailbox_of(*(received(bytes(bytearray(source))) for source in sources))
        occupied, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.67 < mailbox.size / occupied < 1.5
