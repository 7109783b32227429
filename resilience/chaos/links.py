"""The proxies' own thread: what passes through them must not wait for a client that is busy."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvloop

from resilience.chaos.proxy import Proxy

END_SECONDS = 10.0


class Link:
    """A proxy on another event loop, used from this one."""

    def __init__(self, port: int, upstream: int) -> None:
        """Take where to listen and where to forward to; both ports on this machine."""
        self._proxy = Proxy(port, upstream)
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._proxy.connections

    async def open(self) -> None:
        """Take connections; raises `OSError` when the port is taken."""
        await self._there(self._proxy.open())

    async def cut(self) -> None:
        """Reset all connections, and refuse new ones until `open`."""
        await self._there(self._proxy.cut())

    async def delay(self, seconds: float) -> None:
        """Add latency to all that passes, in each direction."""
        await self._there(self._proxy.delay(seconds))

    async def stall(self) -> None:
        """Let nothing pass; connections stay open, and new ones are taken."""
        await self._there(self._proxy.stall())

    async def flow(self) -> None:
        """Let everything pass again that has waited."""
        await self._there(self._proxy.flow())

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        assert self.loop is not None, "its thread does not run"  # noqa: S101 - a mistake of the harness
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))


@contextmanager
def apart(links: Iterable[Link]) -> Iterator[None]:
    """Run the links' thread while the block runs."""
    loop = uvloop.new_event_loop()
    thread = Thread(target=loop.run_forever, name="links", daemon=True)
    for link in links:
        link.loop = loop
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(END_SECONDS)
        loop.close()
