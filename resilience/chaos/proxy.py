"""A TCP proxy on this machine that can cut, delay and stall the connections through it."""

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
    """Forwards connections from one port to another."""

    def __init__(self, port: int, upstream: int) -> None:
        """Take the port to listen on and the port to forward to, both on this machine."""
        self.delay_seconds = 0.0
        """Added to all that passes, in each direction."""
        self.flowing = asyncio.Event()
        """While cleared, nothing passes: connections stay open, and new ones are accepted."""
        self.flowing.set()
        self._port = port
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    async def open(self) -> None:
        """Accept connections.

        Raises:
            OSError: The port is taken.
        """
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

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one client; when its connection does not end in order, both sides are reset."""
        orderly, writers = False, [writer]
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                answers, upstream = await asyncio.open_connection(HOST, self._upstream)
            writers.append(upstream)
            await self._forward((reader, upstream), (answers, writer))
            orderly = True
        except (OSError, RuntimeError):  # uvloop: RuntimeError for a connection that is closed already
            pass
        finally:
            for each in writers:
                each.close() if orderly else _reset(each)

    async def _forward(self, *directions: tuple[StreamReader, StreamWriter]) -> None:
        """Forward both directions until one of them ends."""
        pumps = [asyncio.create_task(self._pump(*direction)) for direction in directions]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in done:
                pump.result()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: StreamReader, writer: StreamWriter) -> None:
        data = b"more"
        while data:  # the end, which is no data, is delayed and stalled as all else
            data = await reader.read(CHUNK_BYTES)
            await asyncio.sleep(self.delay_seconds)
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()


def _reset(writer: StreamWriter) -> None:
    handle = writer.get_extra_info("socket")
    with suppress(OSError, AttributeError):  # uvloop has no socket for a connection that is closed already
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
