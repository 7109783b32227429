"""A server on the loopback, and what it answers to bytes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from services.common.http.server import http_server

GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n"
TIMEOUT_SECONDS = 5


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as free:
        return int(free.getsockname()[1])


@dataclass
class Recorded:
    """An application that records what it is asked and answers to `/echo` with the body.

    `/slow` takes its time, `/hang` never answers, `/stream` goes on until its client is gone, `/flood` sends
    more than any buffer holds.
    """

    scopes: list[Scope] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.scopes.append(scope)
        try:
            await self._answer(scope["path"], receive, send)
        finally:
            self.ended.set()

    async def _answer(self, path: str, receive: Receive, send: Send) -> None:
        if path == "/hang":
            await asyncio.Event().wait()
        if path == "/slow":
            await asyncio.sleep(0.2)
        body = await _body(receive) if path == "/echo" else b""
        streams = path in {"/stream", "/flood"}
        headers = [] if streams else [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(1024 if path == "/flood" else 0):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        if path == "/stream":
            await send({"type": "http.response.body", "body": b"data", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


@dataclass
class Connection:
    """A client's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> None:
        """Write parts, each so that the server reads it by itself."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0.01)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Return the next answer's status and headers."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split(" ")[1]), headers

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return the next answer's status, headers and body."""
        status, headers = await self.head()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))

    async def closed(self) -> None:
        """Return when the server has closed the connection without another byte.

        Raises:
            TimeoutError: It goes on.
        """
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                assert await self.reader.read() == b""
            except ConnectionResetError:
                return


@dataclass
class Running:
    """A server and its application."""

    port: int
    app: Recorded

    @asynccontextmanager
    async def connected(self, host: str = "127.0.0.1") -> AsyncIterator[Connection]:
        """Connect for as long as the block runs."""
        reader, writer = await asyncio.open_connection(host, self.port, limit=2**16)
        try:
            yield Connection(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serving(host: str = "127.0.0.1", **bounds: float) -> AsyncIterator[Running]:
    """Serve on a free port."""
    app, port = Recorded(), free_port(host)
    async with http_server(app, host=host, port=port, **{"keep_alive": 10, "shutdown_timeout": 1, **bounds}):
        yield Running(port, app)
