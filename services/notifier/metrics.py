"""What the notifier counts beside what every service shows."""

from collections.abc import Awaitable, Callable

from services.kit.instruments import Instruments
from services.notifier.emails import Email
from services.notifier.handlers import RecipientRefusedError

Send = Callable[[Email], Awaitable[None]]


def count_emails(instruments: Instruments, send: Send) -> Send:
    """Count each email by what the mail server said."""
    count = instruments.counter("emails", "Emails by outcome.", "outcome", ("sent", "refused", "error"))

    async def counted(email: Email) -> None:
        outcome = "error"
        try:
            await send(email)
            outcome = "sent"
        except RecipientRefusedError:
            outcome = "refused"
            raise
        finally:
            count(outcome)

    return counted
