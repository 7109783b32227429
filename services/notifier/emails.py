"""What customers read: plain text and HTML with the same content."""

from dataclasses import dataclass
from html import escape

from services.notifier.messages import ORDER_DONE, OrderOutcome

REASONS = {
    "payment_declined": "your payment was declined",
    "out_of_stock": "something you ordered is sold out",
}
UNKNOWN_REASON = "something went wrong on our side"


@dataclass(frozen=True, slots=True)
class Email:
    """An email, free of any mail library."""

    message_id: str
    """The event's id: the same email sent twice has the same one."""
    order_id: str
    sender: str
    recipient: str
    recipient_name: str
    subject: str
    text: str
    html: str


def compose(event: OrderOutcome, sender: str) -> Email:
    """Return the email about an order's outcome."""
    order = event.data
    subject, sentences = _content(event)
    greeting = f"Hello {order.customer.name},"
    closing = f"Your order's number is {order.order_id}."
    paragraphs = [greeting, *sentences, closing]
    return Email(
        message_id=event.id,
        order_id=order.order_id,
        sender=sender,
        recipient=order.customer.email,
        recipient_name=order.customer.name,
        subject=subject,
        text="\n\n".join([*paragraphs, "Orderscope\n"]),
        html=_HTML.format(
            subject=escape(subject), paragraphs="\n".join(f"<p>{escape(p)}</p>" for p in paragraphs)
        ),
    )


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
