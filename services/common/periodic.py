"""Work that is repeated while a service lives."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.common.errors import describe

log = structlog.get_logger(__name__)
TIMEOUT_SECONDS = 30.0


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
