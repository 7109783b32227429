"""A server on the loopback, and what it answers to bytes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from services.common.http.server import http_server

GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n"
PATIENCE_SECONDS = 5


@dataclass
class Seen:
    """An application that notes what it is asked and answers to `/echo` with the body.

    `/early` does not wait for the body, `/slow` takes its time, `/hang` never answers, `/flood` answers with
    64 MiB, `/stream` goes on until its client is gone.
    """

    scopes: list[Scope] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.scopes.append(scope)
        if scope["path"] == "/hang":
            await asyncio.Event().wait()
        if scope["path"] == "/slow":
            await asyncio.sleep(0.2)
        if scope["path"] == "/stream":
            await _stream(receive, send)
            self.ended.set()
            return
        parts = [await _body(receive)] if scope["path"] == "/echo" else []
        parts += [b"x" * 65_536] * 1024 if scope["path"] == "/flood" else []
        headers = [(b"content-length", str(sum(map(len, parts))).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
        self.ended.set()


async def _stream(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"data", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message["body"]
        more = message["more_body"]
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

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return the next answer's status, headers and body."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            return (
                int(head[0].split(" ")[1]),
                headers,
                await self.reader.readexactly(int(headers["content-length"])),
            )

    async def problem(self) -> tuple[int, dict[str, Any]]:
        """Return an answer that is a problem, after which nothing comes."""
        status, headers, body = await self.answer()
        problem: dict[str, Any] = json.loads(body)
        assert headers["content-type"] == "application/problem+json"
        assert headers["x-correlation-id"] == problem["correlation_id"]
        assert headers["x-content-type-options"] == "nosniff"
        assert problem["status"] == status
        await self.closed()
        return status, problem

    async def closed(self) -> None:
        """Return when the server has closed the connection without another byte.

        Raises:
            TimeoutError: It goes on.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                assert await self.reader.read() == b""
            except ConnectionResetError:
                return


@dataclass
class Server:
    """A server and its application."""

    port: int
    app: Seen

    @asynccontextmanager
    async def connected(self, *, reading: bool = True) -> AsyncIterator[Connection]:
        """Connect for as long as the block runs."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        if not reading:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        try:
            yield Connection(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Serve on a free port."""
    app = Seen()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with http_server(app, host="127.0.0.1", port=port, shutdown_timeout=1):
        yield Server(port, app)
