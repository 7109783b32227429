"""What scenarios break in the notifier."""

from services.common.scenarios import On
from services.notifier.emails import Email
from services.notifier.handlers import Send
from services.notifier.mail import MailServerError

SMTP_DOWN, BROKER_DOWN = "smtp-down", "broker-down"


def without_mail_server(send: Send, on: On) -> Send:
    """Return what sends, with a mail server that accepts nothing."""

    async def sent(email: Email) -> None:
        if on(SMTP_DOWN):
            raise MailServerError("the mail server accepts no emails now")
        await send(email)

    return sent
