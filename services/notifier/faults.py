"""What scenarios break in the notifier."""

from collections.abc import Awaitable, Callable

from services.common.scenarios import On
from services.notifier.emails import Email
from services.notifier.mail import MailServerError

Send = Callable[[Email], Awaitable[None]]
SMTP_DOWN, BROKER_DOWN = "smtp-down", "broker-down"


def without_mail_server(send: Send, on: On) -> Send:
    """Return the sending with a mail server that takes nothing."""

    async def sent(email: Email) -> None:
        if on(SMTP_DOWN):
            raise MailServerError("the mail server does not take emails now")
        await send(email)

    return sent
