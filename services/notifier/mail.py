"""Sending email over SMTP."""

import asyncio
from dataclasses import dataclass
from typing import Literal

import aiosmtplib

from services.notifier.emails import compose
from services.notifier.handlers import RecipientRefusedError
from services.notifier.messages import OrderOutcome

PERMANENT = 500
"""Replies from 500 on are final (https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1)."""


class MailServerError(Exception):
    """The mail server accepts no emails now."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where emails are submitted, from whom they are, and how long that may take in seconds."""

    host: str
    port: int
    sender: str
    timeout: float
    security: Literal["none", "starttls", "tls"] = "none"
    username: str | None = None
    password: str | None = None

    async def send(self, event: OrderOutcome) -> None:
        """Submit the email about an order's outcome.

        Raises:
            RecipientRefusedError: The server refuses it for good.
            MailServerError, aiosmtplib.SMTPException, OSError: Anything that may pass.
        """
        try:
            async with asyncio.timeout(self.timeout):  # aiosmtplib's own holds for each command anew
                await self._submit(event)
        except UnicodeEncodeError as error:
            raise RecipientRefusedError("the address has characters that SMTP does not take") from error
        # What a server replies often repeats the address, so only its code is passed on.
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(min(refusal.code for refusal in error.recipients)) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailServerError(f"the mail server refuses our credentials: {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code) from None

    async def _submit(self, event: OrderOutcome) -> None:
        await aiosmtplib.send(
            compose(event, self.sender),
            hostname=self.host,
            port=self.port,
            timeout=self.timeout,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            username=self.username,
            password=self.password,
        )


def _refusal(code: int) -> Exception:
    if code >= PERMANENT:
        return RecipientRefusedError(f"the mail server refuses the email for good: {code}")
    return MailServerError(f"the mail server refuses the email for now: {code}")
