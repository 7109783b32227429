"""Waiting for something to be seen, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.1


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = 20.0) -> T:
    """Return what `look` finds, as soon as it finds something.

    Raises:
        TimeoutError: It found nothing in time; the message says what was missing.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not seen within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
