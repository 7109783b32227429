"""Submitting an email: which refusals are for good, and that it cannot take for ever."""

import asyncio
import traceback
from email.message import EmailMessage

import aiosmtplib
import pytest

from services.notifier.handlers import RecipientRefusedError
from services.notifier.mail import MailServer, MailServerError
from tests.unit.test_notifier_notify import event

SERVER = MailServer("mail.example", 25, "orders@shop.example", timeout=0.05)


def answering(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the mail server answer with an error."""

    async def send(message: EmailMessage, **_: object) -> None:
        assert message["To"] == "Ada <ada@example.com>"
        raise error

    monkeypatch.setattr(aiosmtplib, "send", send)


def refused(*codes: int) -> aiosmtplib.SMTPRecipientsRefused:
    """Return a refusal of recipients."""
    return aiosmtplib.SMTPRecipientsRefused(
        [aiosmtplib.SMTPRecipientRefused(code, "no", "ada@example.com") for code in codes]
    )


@pytest.mark.parametrize(
    "error",
    [
        refused(550),
        refused(550, 553),
        aiosmtplib.SMTPSenderRefused(550, "no", "orders@shop.example"),
        aiosmtplib.SMTPDataError(554, "spam"),
        aiosmtplib.SMTPResponseException(552, "too large"),
    ],
)
async def test_refusals_from_500_on_are_final(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """No retry can help, and the error does not repeat the address."""
    answering(monkeypatch, error)
    with pytest.raises(RecipientRefusedError) as caught:
        await SERVER.send(event())
    assert "ada@" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        refused(450),
        refused(450, 550),
        aiosmtplib.SMTPDataError(451, "later ada@example.com"),
        aiosmtplib.SMTPAuthenticationError(535, "wrong password"),
    ],
)
async def test_what_the_server_says_now_may_pass(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The email is tried again, and neither the error nor its stack trace repeats the address."""
    answering(monkeypatch, error)
    with pytest.raises(MailServerError) as caught:
        await SERVER.send(event())
    assert "ada@" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "error",
    [
        aiosmtplib.SMTPConnectError("no route"),
        aiosmtplib.SMTPServerDisconnected("gone"),
        ConnectionRefusedError(),
    ],
)
async def test_anything_else_may_pass(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The error passes, so that the email is tried again."""
    answering(monkeypatch, error)
    with pytest.raises(type(error)):
        await SERVER.send(event())


async def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds for the whole conversation."""

    async def hang(_: EmailMessage, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(aiosmtplib, "send", hang)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(SERVER.send(event()), 5)


async def test_an_address_that_smtp_cannot_carry_is_refused_for_good() -> None:
    """No retry can help, and no server was asked."""
    with pytest.raises(RecipientRefusedError):
        await SERVER.send(event(email="zoë@example.com"))
