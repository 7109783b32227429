"""Work that is done over and over while a service lives."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.common.errors import describe

log = structlog.get_logger(__name__)


async def periodically(
    work: Callable[[], Awaitable[None]],
    seconds: float,
    *,
    name: str,
    errors: tuple[type[Exception], ...],
    deadline: float = 30.0,
) -> None:
    """Do work, wait so many seconds, and again, until cancelled.

    Args:
        work: What to do.
        seconds: The pause between two times.
        name: What the work is called in log lines.
        errors: What may go wrong and is tried again the next time; anything else is a bug and ends it.
        deadline: Seconds that the work may take; longer is an error to try again after.
    """
    passing: tuple[type[Exception], ...] = (*errors, TimeoutError)
    while True:
        try:
            async with asyncio.timeout(deadline):
                await work()
        except passing as error:
            log.warning("periodic work failed", work=name, error=describe(error), retry_seconds=seconds)
        await asyncio.sleep(seconds)
