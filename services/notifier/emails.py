"""What customers read: plain text and HTML with the same content."""

import re
from email.message import EmailMessage
from email.utils import formatdate
from html import escape

from services.notifier.messages import ORDER_DONE, OrderOutcome

REASONS = {
    "payment_declined": "your payment was declined",
    "out_of_stock": "something you ordered is sold out",
}
UNKNOWN_REASON = "something went wrong on our side"

HIDDEN = re.compile(r"[\x80-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and what turns the text after it around: the api takes such names no more."""
SPECIALS = re.compile(r'[()<>\[\]:;@\\,."=?]+')
"""What a name must quote (https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3), or begins an encoded word.

`EmailMessage` loses the quotes of a name that is not ASCII, and decodes what looks encoded.
"""


def compose(event: OrderOutcome, sender: str) -> EmailMessage:
    """Return the email about an order's outcome; `EmailMessage` refuses line breaks in headers."""
    customer, order_id = event.data.customer, event.data.order_id
    subject, sentences = _content(event)
    name = HIDDEN.sub("", customer.name)
    paragraphs = [
        f"Hello {name}," if name.strip() else "Hello,",
        *sentences,
        f"Your order's number is {order_id}.",
    ]
    message = EmailMessage()
    message["From"] = f"Orderscope <{sender}>"
    message["To"] = f"{' '.join(SPECIALS.sub(' ', name).split())} <{customer.email}>"
    message["Subject"] = subject
    message["Date"] = formatdate(usegmt=True)
    # The event's id: an email that is sent twice has the same Message-ID.
    message["Message-ID"] = f"<{event.id}@{sender.rpartition('@')[2]}>"
    message["X-Order-ID"] = order_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers, please
    message.set_content("\n\n".join([*paragraphs, "Orderscope\n"]))
    html = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    message.add_alternative(_HTML.format(subject=escape(subject), paragraphs=html), subtype="html")
    return message


def _content(event: OrderOutcome) -> tuple[str, list[str]]:
    if event.type == ORDER_DONE:
        return "Your order is on its way", ["Thank you: your order is paid and on its way."]
    reason = REASONS.get(event.data.reason or "", UNKNOWN_REASON)
    return "Your order could not be fulfilled", [
        f"We are sorry: your order could not be fulfilled, because {reason}.",
        "Nothing was charged.",
    ]


_HTML = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; line-height: 1.5; max-width: 36em; margin: 2em auto">
<h1 style="font-size: 1.3em">{subject}</h1>
{paragraphs}
<p style="color: #666">Orderscope</p>
</body>
</html>
"""
