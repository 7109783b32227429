"""Submitting an email: which refusals are for good, and that it cannot take for ever."""

import asyncio
import traceback
from email.message import EmailMessage

import aiosmtplib
import pytest

from services.notifier.handlers import RecipientRefusedError
from services.notifier.mail import MailServer, MailServerError
from services.notifier.settings import Settings
from tests.unit.test_notifier_notify import event

REFUSED, LATER = RecipientRefusedError, MailServerError


async def submit(email: str = "ada@example.com") -> None:
    """Send an email to a server that has 0.05 s to take it."""
    await asyncio.wait_for(MailServer(Settings(smtp_timeout_seconds=0.05)).send(event(email=email)), 5)


def refusing(*codes: int) -> aiosmtplib.SMTPRecipientsRefused:
    """Return a refusal of recipients."""
    return aiosmtplib.SMTPRecipientsRefused(
        [aiosmtplib.SMTPRecipientRefused(code, "no", "ada@example.com") for code in codes]
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusing(550), REFUSED),
        (refusing(550, 553), REFUSED),
        (aiosmtplib.SMTPSenderRefused(550, "no", "orders@shop.example"), REFUSED),
        (aiosmtplib.SMTPDataError(554, "spam"), REFUSED),
        (aiosmtplib.SMTPResponseException(552, "too large"), REFUSED),
        (refusing(450), LATER),
        (refusing(450, 550), LATER),
        (aiosmtplib.SMTPDataError(451, "later ada@example.com"), LATER),
        (aiosmtplib.SMTPAuthenticationError(535, "wrong password"), LATER),
        (aiosmtplib.SMTPConnectError("no route"), aiosmtplib.SMTPConnectError),
        (aiosmtplib.SMTPServerDisconnected("gone"), aiosmtplib.SMTPServerDisconnected),
        (ConnectionRefusedError(), ConnectionRefusedError),
    ],
)
async def test_only_refusals_from_500_on_are_final(
    monkeypatch: pytest.MonkeyPatch, answer: Exception, expected: type[Exception]
) -> None:
    """Anything else may pass; neither the error nor its stack trace repeats the customer's address."""

    async def send(message: EmailMessage, **_: object) -> None:
        assert message["To"] == "Ada <ada@example.com>"
        raise answer

    monkeypatch.setattr(aiosmtplib, "send", send)
    with pytest.raises(expected) as caught:
        await submit()
    assert "ada@" not in "".join(traceback.format_exception(caught.value))


async def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds for the whole conversation."""

    async def hang(_: EmailMessage, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(aiosmtplib, "send", hang)
    with pytest.raises(TimeoutError):
        await submit()
