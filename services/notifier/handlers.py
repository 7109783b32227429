"""The use case: one email for each order, however often the message about its outcome comes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from services.notifier.messages import OrderOutcome

log = structlog.get_logger(__name__)

SENT = "sent"
Send = Callable[[OrderOutcome], Awaitable[None]]
"""Emails the customer; raises `RecipientRefusedError`, or any error that may pass."""


class BeingSentError(Exception):
    """Another delivery of the same outcome is being processed; trying again shows whether it succeeded."""


class RecipientRefusedError(Exception):
    """The mail server refuses this email for good."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What notifying needs."""

    claim: Callable[[str], Awaitable[Literal["claimed", "sent", "being_sent"]]]
    """Takes an order's notification for a short while, unless it was sent already."""
    mark_sent: Callable[[str], Awaitable[None]]
    release: Callable[[str], Awaitable[None]]
    """Ends a claim after a failure, so that a retry need not wait for it to lapse."""
    send: Send


async def notify(event: OrderOutcome, *, ports: Ports) -> str:
    """Email the customer what became of the order and return `sent` or `duplicate`.

    An email that the server took just before this process died, or just before Redis was away for seconds,
    is sent again, with the same Message-ID: SMTP has no way to find out whether it was accepted.

    Raises:
        BeingSentError: Try again later.
        RecipientRefusedError: No retry can help.
    """
    order_id = event.data.order_id
    claim = await ports.claim(order_id)
    if claim == "sent":
        return "duplicate"
    if claim == "being_sent":
        raise BeingSentError(f"the email for order {order_id} is being sent")
    try:
        await ports.send(event)
    except BaseException:
        await ports.release(order_id)
        raise
    await ports.mark_sent(order_id)
    log.info("email sent", order_id=order_id, outcome=event.type)
    return SENT
