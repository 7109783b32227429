"""What scenarios break in the notifier."""

from services.common.scenarios import On
from services.notifier.handlers import Send
from services.notifier.mail import MailServerError
from services.notifier.messages import OrderOutcome

SMTP_DOWN, BROKER_DOWN = "smtp-down", "broker-down"


def without_mail_server(send: Send, on: On) -> Send:
    """Return what sends, with a mail server that accepts nothing."""

    async def sent(event: OrderOutcome) -> None:
        if on(SMTP_DOWN):
            raise MailServerError("the mail server accepts no emails now")
        await send(event)

    return sent
