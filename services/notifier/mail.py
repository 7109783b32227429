"""Sending email over SMTP."""

import asyncio
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from typing import Literal

import aiosmtplib

from services.notifier.emails import Email
from services.notifier.handlers import RecipientRefusedError

PERMANENT = 500
"""Replies from 500 on are final (https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1)."""

SPECIALS = re.compile(r'[()<>\[\]:;@\\,."=?]+')
"""What a name must quote (https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3), or begins an encoded word.

`EmailMessage` loses the quotes of a name that is not ASCII, and decodes what looks encoded.
"""


class MailServerError(Exception):
    """The mail server accepts no emails now."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where emails are submitted, and how long that may take in seconds."""

    host: str
    port: int
    timeout: float
    security: Literal["none", "starttls", "tls"] = "none"
    username: str | None = None
    password: str | None = None

    async def send(self, email: Email) -> None:
        """Submit an email.

        Raises:
            RecipientRefusedError: The server refuses it for good.
            MailServerError, aiosmtplib.SMTPException, OSError: Anything that may pass.
        """
        try:
            async with asyncio.timeout(self.timeout):  # aiosmtplib's own holds for each command anew
                await self._submit(mime(email))
        except UnicodeEncodeError as error:
            raise RecipientRefusedError("the address has characters that SMTP does not take") from error
        # What a server replies often repeats the address, so only its code is passed on.
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(min(refusal.code for refusal in error.recipients)) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailServerError(f"the mail server refuses our credentials: {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code) from None

    async def _submit(self, message: EmailMessage) -> None:
        await aiosmtplib.send(
            message,
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


def mime(email: Email) -> EmailMessage:
    """Return the message with both bodies; `EmailMessage` refuses line breaks in headers."""
    message = EmailMessage()
    domain = email.sender.rpartition("@")[2]
    message["From"] = formataddr(("Orderscope", email.sender))
    message["To"] = formataddr((" ".join(SPECIALS.sub(" ", email.recipient_name).split()), email.recipient))
    message["Subject"] = email.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{email.message_id}@{domain}>"
    message["X-Order-ID"] = email.order_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers, please
    message.set_content(email.text)
    message.add_alternative(email.html, subtype="html")
    return message
