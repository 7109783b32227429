"""What a service sees of what it depends on, reported as it changes."""

import asyncio
from collections.abc import Callable, Mapping

from services.common.http.server import Ping, failure
from services.common.periodic import periodically

WATCH_SECONDS = 1.0


async def watch_dependencies(pings: Mapping[str, Ping], report: Callable[[str, bool], None]) -> None:
    """Report every second, by name, whether each dependency answers; until cancelled."""

    async def look() -> None:
        failures = await asyncio.gather(*map(failure, pings.values()))
        for name, error in zip(pings, failures, strict=True):
            report(name, error is None)

    await periodically(look, WATCH_SECONDS, name="looking at the dependencies", errors=())
