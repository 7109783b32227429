"""Mail by real SMTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiosmtplib
import pytest

from stack.backends.inbox.mailbox import Limits, Mailbox
from stack.backends.inbox.smtp import SmtpLimits, receiving
from stack.backends.web.serve import listen
from tests.unit.inbox_samples import order_mail

_DEADLINE_SECONDS = 20


@dataclass(frozen=True)
class Server:
    """A running SMTP server, and the mailbox behind it."""

    port: int
    mailbox: Mailbox

    async def send(self, *numbers: int) -> None:
        """Send mails over one connection."""
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, timeout=_DEADLINE_SECONDS) as client:
            for number in numbers:
                await client.send_message(order_mail(number))

    async def talk(self, *lines: bytes) -> list[str]:
        """Send raw lines, each after the answer to the one before; return the answers, also the greeting."""
        async with asyncio.timeout(_DEADLINE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            answers = [await _answer(reader)]
            for line in lines:
                writer.write(line + b"\r\n")
                answers.append(await _answer(reader))
            writer.close()
        return answers


async def _flood(writer: asyncio.StreamWriter) -> None:
    """Send one line until the other side hangs up."""
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> str:
    """Return the last line of an answer, or nothing when the connection is closed."""
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    return line.decode().strip()


@asynccontextmanager
async def smtp_server(limits: SmtpLimits | None = None) -> AsyncIterator[Server]:
    """Run the SMTP side on a free port."""
    mailbox, listener = Mailbox(Limits()), listen("127.0.0.1", 0)
    async with receiving(mailbox, listener, limits):
        yield Server(listener.getsockname()[1], mailbox)


ENVELOPE = (b"EHLO me", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.com>", b"DATA")


async def test_a_mail_arrives_with_its_envelope() -> None:
    """What aiosmtplib sends is there when it has been accepted."""
    async with smtp_server() as server:
        await server.send(1)
        [mail] = server.mailbox.newest_first()
        assert mail.message_id == "event-1@orderscope.example"
        assert mail.return_path == "shop@orderscope.example"


async def test_a_burst_arrives_complete() -> None:
    """Hundreds of mails over many connections at once, none lost, none double."""
    async with smtp_server() as server:
        batches = [range(start, start + 20) for start in range(0, 400, 20)]
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await asyncio.gather(*(server.send(*batch) for batch in batches))
        ids = sorted(mail.message_id for mail in server.mailbox.newest_first())
        assert ids == sorted(f"event-{number}@orderscope.example" for number in range(400))


async def test_mails_over_the_limit_are_refused_and_the_session_goes_on() -> None:
    """Announced or not, 552; the next mail over the same connection is taken."""
    async with smtp_server(SmtpLimits(max_message_bytes=10_000)) as server:
        big = b"\r\n".join([b"x" * 70] * 200) + b"\r\n."
        announced = b"MAIL FROM:<a@example.com> SIZE=10001"
        answers = await server.talk(
            b"EHLO me", announced, *ENVELOPE[1:], big, *ENVELOPE[1:], b"Subject: small\r\n\r\ntext\r\n."
        )
        codes = [answer[:3] for answer in answers]
        assert codes == ["220", "250", "552", "250", "250", "354", "552", "250", "250", "354", "250"]
        assert [mail.subject for mail in server.mailbox.newest_first()] == ["small"]


async def test_a_line_that_never_ends_is_cut_off() -> None:
    """Not even half a line takes more memory than the limit."""
    async with smtp_server(SmtpLimits(max_message_bytes=1_000)) as server:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            for line in ENVELOPE:
                await _answer(reader)
                writer.write(line + b"\r\n")
            assert (await _answer(reader)).startswith("354")
            with pytest.raises(ConnectionError):
                await _flood(writer)
            writer.close()
        await server.send(1)
        assert len(server.mailbox.newest_first()) == 1


@pytest.mark.parametrize(
    "source",
    [b"", b"no headers at all", b"\xff\xfe\x00", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b"],
)
async def test_malformed_mails_are_taken(source: bytes) -> None:
    """An inbox for development shows what was sent, above all when it is wrong."""
    async with smtp_server() as server:
        answers = await server.talk(*ENVELOPE, source + b"\r\n.")
        assert answers[-1].startswith("250")
        assert len(server.mailbox.newest_first()) == 1


async def test_too_many_recipients_are_refused() -> None:
    """RFC 5321 asks for at least 100; the next one is put off."""
    async with smtp_server() as server:
        recipients = [b"RCPT TO:<user%d@example.com>" % number for number in range(101)]
        answers = await server.talk(*ENVELOPE[:2], *recipients)
        assert [answer[:3] for answer in answers[3:]] == ["250"] * 100 + ["452"]


async def test_too_many_connections_are_refused() -> None:
    """A client too many is told to come again; when another one has left, there is room."""
    async with smtp_server(SmtpLimits(max_connections=1)) as server:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port):
            assert (await server.talk())[0].startswith("421")
        async with asyncio.timeout(_DEADLINE_SECONDS):
            greeting = ""
            while not greeting.startswith("220"):
                [greeting] = await server.talk()


async def test_a_silent_client_is_disconnected() -> None:
    """Nobody holds a connection for ever."""
    async with smtp_server(SmtpLimits(timeout=0.1)) as server, asyncio.timeout(_DEADLINE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert (await reader.read()).startswith(b"220")
        writer.close()


async def test_nonsense_does_not_end_the_server() -> None:
    """Commands that are none are refused, and mail still arrives."""
    async with smtp_server() as server:
        answers = await server.talk(b"GET / HTTP/1.1", b"\xff\xfe", b"", b"DATA", b"x" * 5_000)
        assert {answer[0] for answer in answers[1:]} == {"5"}
        await server.send(1)
        assert len(server.mailbox.newest_first()) == 1
