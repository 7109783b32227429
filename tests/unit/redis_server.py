"""A server that speaks Redis's protocol, for tests of what a client does when it misbehaves."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import hiredis


@dataclass
class FakeRedis:
    """Answers ECHO, SCRIPT LOAD and EVALSHA, and remembers which commands came together."""

    batches: list[list[list[str]]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Replies wait for it."""
    lose: int = 0
    """How many more batches are received and answered by closing the connection."""
    scripts: set[str] = field(default_factory=set)
    port: int = 0
    connections: list[StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"redis://127.0.0.1:{self.port}/0?protocol=2"

    @property
    def sent(self) -> list[list[str]]:
        """What came together, each command by its last argument."""
        return [[command[-1] for command in batch] for batch in self.batches]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeRedis"]:
        """Listen while the block runs."""
        self.open.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.open.set()
            server.close()
            for connection in self.connections:
                connection.close()

    def reset(self) -> None:
        """Reset every connection, as a proxy does that has forgotten it."""
        while self.connections:
            connection = self.connections.pop()
            at_once = struct.pack("ii", 1, 0)
            connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            connection.transport.abort()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections.append(writer)
        parser = hiredis.Reader(encoding="utf-8")
        while data := await reader.read(1_000_000):
            parser.feed(data)
            batch: list[list[str]] = []
            while command := parser.gets():
                batch.append(command)
            self.batches.append(batch)
            await self.open.wait()
            if self.lose:
                self.lose -= 1
                break
            writer.write(b"".join(map(self._reply, batch)))
        writer.close()

    def _reply(self, command: list[Any]) -> bytes:
        name, last = command[0], command[-1].encode()
        if name == "SCRIPT":
            self.scripts.add(sha1(last, usedforsecurity=False).hexdigest())
        if name == "EVALSHA" and command[1] not in self.scripts:
            return b"-NOSCRIPT No matching script.\r\n"
        if name not in {"ECHO", "SCRIPT", "EVALSHA"}:
            return b"-ERR unknown command\r\n"
        return b"$%d\r\n%s\r\n" % (len(last), last)
