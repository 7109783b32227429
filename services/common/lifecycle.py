"""How a service lives: until SIGTERM, and then in the reverse order in which it was built."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)

CANCEL_TRIES = 10
"""Each of them waits for a second."""
GC_THRESHOLDS = (20_000, 20, 50)
"""The youngest generation is collected after 20,000 allocations, not after 700."""


class Lifetime:
    """Ends at SIGTERM or SIGINT, or as soon as one of the service's background tasks ends by itself."""

    def __init__(self) -> None:
        """Start with nothing wrong."""
        self._end = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def ending(self) -> bool:
        """Whether the service is to stop."""
        return self._end.is_set()

    @property
    def leaving(self) -> bool:
        """Whether the service is to stop because it was asked to, not because something broke."""
        return self.ending and self._failure is None

    def end(self) -> None:
        """Ask the service to stop."""
        self._end.set()

    async def wait(self) -> None:
        """Return when the service should stop; raise what broke it, if something did."""
        await self._end.wait()
        if self._failure is not None:
            raise self._failure

    @asynccontextmanager
    async def background(
        self, work: Coroutine[Any, Any, None], name: str
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Run work beside the service while the block runs; work that ends by itself ends the service."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._end_service)
        try:
            yield task
        finally:
            task.remove_done_callback(self._end_service)
            # More than once: on Python 3.11 a library's `wait_for` can swallow one that meets its result.
            for _ in range(CANCEL_TRIES):
                task.cancel()
                await asyncio.wait([task], timeout=1.0)
                if task.done():
                    break

    def _end_service(self, task: asyncio.Task[None]) -> None:
        if self.ending and not task.cancelled() and task.exception() is None:
            return  # the work noticed that the service ends
        cause = None if task.cancelled() else task.exception()
        self._failure = cause or RuntimeError(f"the background task {task.get_name()} ended by itself")
        log.error("background task failed", task=task.get_name(), exc_info=self._failure)
        self._end.set()


def until_signalled() -> Lifetime:
    """Return a lifetime that SIGTERM and SIGINT end; a second signal changes nothing."""
    lifetime = Lifetime()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lifetime.end)
    return lifetime


def freeze_startup_objects() -> None:
    """Keep the garbage collector from what was made until now: modules, models, routes, connections.

    A full collection would look at all of it while requests wait (tens of ms), and find nothing to free.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
