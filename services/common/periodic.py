"""Work that is repeated while a service lives."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.common.errors import describe

log = structlog.get_logger(__name__)
TIMEOUT_SECONDS = 30.0
LAG_INTERVAL_SECONDS = 0.25


async def periodically(
    work: Callable[[], Awaitable[None]],
    seconds: float,
    *,
    name: str,
    errors: tuple[type[Exception], ...] = (),
) -> None:
    """Do work, at most 30 s long, and repeat it after a pause of so many seconds, until cancelled.

    After one of `errors`, or a timeout, it goes on; any other error is a bug and ends the repetition.
    """
    transient: tuple[type[Exception], ...] = (*errors, TimeoutError)
    while True:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await work()
        except transient as error:
            log.warning("periodic work failed", work=name, error=describe(error), retry_seconds=seconds)
        await asyncio.sleep(seconds)


async def watch_event_loop(report: Callable[[float], None]) -> None:
    """Report four times a second how many seconds late the event loop runs what is due, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_INTERVAL_SECONDS
        await asyncio.sleep(LAG_INTERVAL_SECONDS)
        report(max(0.0, loop.time() - due))
