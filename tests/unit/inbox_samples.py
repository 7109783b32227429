"""Mails for the tests of the inbox."""

from email.message import EmailMessage

from stack.backends.inbox.mail import Envelope, Mail
from stack.backends.inbox.mailbox import Limits, Mailbox
from stack.backends.inbox.receive import receive

ENVELOPE = Envelope("shop@orderscope.example", ("ada@example.com",))


def order_mail(number: int = 1, to: str = "Ada Lovelace <ada@example.com>") -> EmailMessage:
    """Return the mail about an order, in text and HTML."""
    message = EmailMessage()
    message["From"] = "Orderscope <shop@orderscope.example>"
    message["To"] = to
    message["Subject"] = f"Your order {number} is on its way"
    message["Message-ID"] = f"<event-{number}@orderscope.example>"
    message.set_content(f"Hello,\nyour order {number} is done.\n")
    message.add_alternative(f"<p>Hello,<br>your <b>order {number}</b> is done.</p>", subtype="html")
    return message


def received(source: EmailMessage | bytes, envelope: Envelope = ENVELOPE) -> Mail:
    """Return a mail as if it had come by SMTP."""
    return receive(source if isinstance(source, bytes) else source.as_bytes(), envelope)


def mailbox_of(*mails: Mail, limits: Limits | None = None) -> Mailbox:
    """Return a mailbox to which mails came in this order."""
    mailbox = Mailbox(limits or Limits())
    for mail in mails:
        mailbox.add(mail)
    return mailbox
