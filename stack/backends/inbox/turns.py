"""Keeping the event loop free while a large mail is taken apart."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

# Taking a smaller one apart takes about a millisecond (bytes).
_LARGE = 64 * 1024

_Result = TypeVar("_Result")


async def in_turn(size: int, work: Callable[[], _Result]) -> _Result:
    """Do the work on a mail at once, or in a thread when the mail is so large that others would wait.

    Args:
        size: The size of the mail's source in bytes.
        work: What to do; it must share nothing that changes.
    """
    return await asyncio.to_thread(work) if size > _LARGE else work()
