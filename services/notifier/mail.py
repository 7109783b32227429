"""Sending email over SMTP."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage

import aiosmtplib

from services.notifier.emails import compose
from services.notifier.handlers import RecipientRefusedError
from services.notifier.messages import OrderOutcome
from services.notifier.settings import Settings

PERMANENT = 500
"""Replies from 500 on are final (https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1)."""
LEAVE_SECONDS = 1.0
"""For saying goodbye to the server: whether it answers does not matter."""


class MailServerError(Exception):
    """The mail server accepts no emails now."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that emails are submitted to."""

    settings: Settings
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(self, event: OrderOutcome) -> None:
        """Submit the email about an order's outcome: it is sent as soon as the server has taken its data.

        Raises:
            RecipientRefusedError: The server refuses it for good.
            MailServerError, aiosmtplib.SMTPException, OSError: Anything that may pass.
        """
        try:
            # aiosmtplib's own timeout holds for each command anew.
            async with asyncio.timeout(self.settings.smtp_timeout_seconds):
                await self._submit(compose(event, self.settings.mail_from))
        except aiosmtplib.SMTPNotSupported as error:
            if "SMTPUTF8" not in str(error):  # but STARTTLS or AUTH, which a server may offer tomorrow
                raise
            raise RecipientRefusedError("the mail server takes ASCII addresses alone (no SMTPUTF8)") from None
        # What a server replies often repeats the address, so only its code is passed on.
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(min(refusal.code for refusal in error.recipients)) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailServerError(f"the mail server refuses our credentials: {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code) from None

    async def _submit(self, email: EmailMessage) -> None:
        settings = self.settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=settings.smtp_timeout_seconds,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            username=settings.smtp_username,
            password=settings.smtp_password,
        )
        try:
            await client.connect()
            await client.send_message(email)
        finally:
            # In a task of its own, which no deadline and no cancellation turns into a failure to send.
            task = asyncio.create_task(_leave(client))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


async def _leave(client: aiosmtplib.SMTP) -> None:
    with suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(LEAVE_SECONDS):
            await client.quit()
    client.close()


def _refusal(code: int) -> Exception:
    if code >= PERMANENT:
        return RecipientRefusedError(f"the mail server refuses the email for good: {code}")
    return MailServerError(f"the mail server refuses the email for now: {code}")
