"""The notifier's own metrics."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from services.common.instruments import Instruments
from services.notifier.handlers import SENT, RecipientRefusedError, Send
from services.notifier.messages import ORDER_DONE, ORDER_FAILED, OrderOutcome

Notify = Callable[[OrderOutcome], Awaitable[str]]
STATUSES = {ORDER_DONE: "done", ORDER_FAILED: "failed"}


def count_emails(instruments: Instruments, send: Send) -> Send:
    """Count each email by what the mail server said."""
    count = instruments.counter("emails", "Emails by outcome.", "outcome", ("sent", "refused", "error"))

    async def counted(event: OrderOutcome) -> None:
        outcome = "error"
        try:
            await send(event)
            outcome = "sent"
        except RecipientRefusedError:
            outcome = "refused"
            raise
        finally:
            count(outcome)

    return counted


def measure_notified(instruments: Instruments, notify: Notify) -> Notify:
    """Time each notification from the outcome of its order on; one that was sent before has no time."""
    took = instruments.seconds(
        "notification_duration_seconds",
        "From an order's last status to its email with the mail server, queues and retries included.",
        "status",
        tuple(STATUSES.values()),
        long=True,
    )

    async def measured(event: OrderOutcome) -> str:
        outcome = await notify(event)
        if outcome == SENT:
            waited = (datetime.now(UTC) - event.occurred_at).total_seconds()
            took(max(0.0, waited), STATUSES[event.type])
        return outcome

    return measured
