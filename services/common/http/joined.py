"""A transport that sends what was written in one turn of the event loop together, at the end of it.

uvicorn writes an answer's head and body one after the other, and uvloop hands each to the system at once: two
packets, between which and the next answer's the client falls asleep again. Waking it took a tenth of the CPU
time of an order.
"""

import asyncio
from typing import Any

MOST_BYTES = 64 * 1024
"""That are held back; uvloop's own transports have a writer wait from there on."""


class Joined:
    """Holds what is written back until the event loop has done what else there is to do."""

    __slots__ = ("_held", "_loop", "_lost", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Stand before a transport."""
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._lost = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        """Leave everything else to the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send these bytes when this turn is over, now if they are many, never once the client is gone."""
        if self._lost:
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held += data
        if len(self._held) > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held back."""
        if self._held:
            self._held, data = b"", self._held
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection once all was sent."""
        self.flush()
        self._transport.close()

    def forget(self) -> None:
        """Send nothing more: the connection is lost, and a transport may refuse to write."""
        self._held, self._lost = b"", True
