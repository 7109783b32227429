"""A TCP proxy on this machine that can cut, delay and stall what goes through it."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 5.0
# Closing with a lingering time of 0 sends a reset instead of an orderly end (`man 7 socket`, SO_LINGER).
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections from one port to another. Belongs to one event loop."""

    def __init__(self, port: int, upstream: int) -> None:
        """Take where to listen and where to forward to; both ports on this machine."""
        self._delay_seconds = 0.0
        self._port = port
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def open(self) -> None:
        """Take connections; a no-op when they are taken already.

        Raises:
            OSError: The port is taken.
        """
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self._port)

    async def cut(self) -> None:
        """Reset all connections, and refuse new ones until `open`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=CLOSE_TIMEOUT_SECONDS)

    async def delay(self, seconds: float) -> None:
        """Add latency to all that passes, in each direction."""
        self._delay_seconds = seconds

    async def stall(self) -> None:
        """Let nothing pass; connections stay open, and new ones are taken."""
        self._flowing.clear()

    async def flow(self) -> None:
        """Let everything pass again that has waited."""
        self._flowing.set()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            await self._connect(reader, writer)
        except asyncio.CancelledError:
            task.uncancel()  # it was `cut` that asked: nobody else waits for this task
        finally:
            self._connections.discard(task)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            connecting = asyncio.open_connection(HOST, self._upstream)
            answers, upstream = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_SECONDS)
        except BaseException as error:
            _reset(writer)
            if isinstance(error, (OSError, TimeoutError)):
                return
            raise
        await self._forward((reader, writer), (answers, upstream))

    async def _forward(
        self, client: tuple[StreamReader, StreamWriter], server: tuple[StreamReader, StreamWriter]
    ) -> None:
        ways = [
            asyncio.create_task(self._pump(client[0], server[1])),
            asyncio.create_task(self._pump(server[0], client[1])),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            orderly = all(way.exception() is None for way in done)
        except asyncio.CancelledError:
            orderly = False
            raise
        finally:
            for way in ways:
                way.cancel()
            for writer in (client[1], server[1]):
                _end(writer, orderly=orderly)
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Forward one direction until it ends; a reset on either side ends it with an error."""
        data = b"more"
        while data:
            data = await reader.read(CHUNK_BYTES)
            await asyncio.sleep(self._delay_seconds)
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()


def _end(writer: StreamWriter, *, orderly: bool) -> None:
    if orderly:
        writer.close()  # what was written is sent first
    else:
        _reset(writer)


def _reset(writer: StreamWriter) -> None:
    handle = writer.get_extra_info("socket")
    # uvloop has none for a connection that is closed already.
    with suppress(OSError, AttributeError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
