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


async def submit(email: str = "ada@example.com", **server: int) -> None:
    """Send an email to a server that has 0.05 s to take it, unless it is told otherwise."""
    settings = Settings.model_validate({"smtp_timeout_seconds": 0.05, **server})
    async with asyncio.timeout(5):
        await MailServer(settings).send(event(email=email))


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
        (None, TimeoutError),
    ],
)
async def test_only_refusals_from_500_on_are_final(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None, expected: type[Exception]
) -> None:
    """Anything else may pass, silence, too; neither error nor stack trace repeats the customer's address."""

    async def send(_: object, message: EmailMessage) -> None:
        assert message["To"] == "Ada <ada@example.com>"
        await (asyncio.sleep(0) if answer else asyncio.Event().wait())
        raise answer or AssertionError

    async def connected(_: object) -> None:
        """Do nothing: there is no server."""

    monkeypatch.setattr(aiosmtplib.SMTP, "connect", connected)
    monkeypatch.setattr(aiosmtplib.SMTP, "send_message", send)
    with pytest.raises(expected) as caught:
        await submit()
    assert "ada@" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("goodbye", [b"", b"421 busy\r\n", b"what?\r\n", None])
async def test_an_email_is_sent_once_its_data_was_taken(goodbye: bytes | None) -> None:
    """Whatever becomes of QUIT: no answer, a refusal, nonsense, or a connection that is cut."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        async for line in reader:
            if line == b"DATA\r\n":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            elif line == b"QUIT\r\n":
                asked.set()
                writer.write(goodbye or b"")
                if goodbye is None:
                    break
                continue
            writer.write(b"250 OK\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        began = asyncio.get_running_loop().time()
        await submit(smtp_port=server.sockets[0].getsockname()[1], smtp_timeout_seconds=2)
        assert asyncio.get_running_loop().time() - began < 0.9
        async with asyncio.timeout(5):
            await asked.wait()
