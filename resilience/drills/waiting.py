"""Waiting for what a drill is to see, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2

T = TypeVar("T")
POLL_SECONDS = 0.5


async def until(what: str, look: Callable[[], Awaitable[T | None]], seconds: float) -> T:
    """Return what `look` finds, as soon as it finds something; a look that fails is tried again.

    Raises:
        TimeoutError: It found nothing in time; the message says what was missing.
    """
    deadline, trouble = time.monotonic() + seconds, ""
    while True:
        try:
            found = await look()
            trouble = ""
        except httpx2.HTTPError as error:
            found, trouble = None, f" ({error!r})"
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}{trouble}")
        await asyncio.sleep(POLL_SECONDS)
