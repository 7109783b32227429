"""Answers that are held back until the end of a turn, and connections that end meanwhile."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from services.common.http import ordered
from services.common.http.joined import Joined
from services.common.http.server import http_server

ASKING = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"all of it"
TIMES = 10
DEADLINE_SECONDS = 10.0
Meanwhile = Callable[[socket.socket], Awaitable[None]]


async def nothing(_: socket.socket) -> None:
    """Let the client wait."""


async def half_close(client: socket.socket) -> None:
    """Have the client say that it sends nothing more."""
    client.shutdown(socket.SHUT_WR)


async def reset(client: socket.socket) -> None:
    """Have the client go away without a word, just when what the application waits for has come."""
    there, here = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    await asyncio.sleep(0.01)
    there.send(b"x")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    await reader.read(1)
    writer.close()
    there.close()


async def asked(meanwhile: Meanwhile) -> tuple[bytes, list[str]]:
    """Ask, have something happen to the connection in the turn in which the answer is written.

    Returns:
        What came back, and what the event loop had to complain about.
    """
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: complaints.append(str(found)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = socket.socket()
    client.setblocking(False)  # noqa: FBT003 - socket's own

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await meanwhile(client)
        headers = [(b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})

    received = b""
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        http_server(app, host="127.0.0.1", port=port, shutdown_timeout=1),
    ):
        with client:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, ASKING)
            while meanwhile is not reset and not received.endswith(BODY):
                if not (data := await loop.sock_recv(client, 65_536)):
                    break
                received += data
            await asyncio.sleep(0.05)
    return received, complaints


def ask(meanwhile: Meanwhile) -> tuple[bytes, list[str]]:
    """Do so on the services' event loop, which has an order of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asked(meanwhile))


def test_head_and_body_are_one_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is woken once."""
    written: list[bytes] = []

    class Noted(Joined):
        """Notes what is written at once."""

        def flush(self) -> None:
            written.append(self._held)
            super().flush()

    monkeypatch.setattr(ordered, "Joined", Noted)
    assert ask(nothing)[0].endswith(BODY)
    [answer] = filter(None, written)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(BODY)


@pytest.mark.parametrize("time", range(TIMES))
def test_who_sends_nothing_more_still_gets_the_answer(time: int) -> None:
    """A client may close its half as soon as it has asked."""
    assert ask(half_close)[0].endswith(BODY), time


@pytest.mark.parametrize("time", range(TIMES))
def test_who_goes_away_is_no_error(time: int) -> None:
    """Anybody can reset a connection, in any moment."""
    assert ask(reset)[1] == [], time
