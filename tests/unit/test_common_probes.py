"""What a service depends on is reported as it comes and goes."""

import asyncio

import pytest

from services.common import probes
from services.common.http.server import Ping
from services.common.probes import watch_dependencies
from tests.servers import eventually


async def test_each_dependency_is_reported_as_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes away is seen as away and one that returns as there; the other is not mixed up with it."""
    monkeypatch.setattr(probes, "WATCH_SECONDS", 0.001)
    there = {"redis": True, "rabbitmq": True}
    seen: dict[str, bool] = {}

    async def redis() -> None:
        if not there["redis"]:
            raise ConnectionRefusedError("no route")

    async def rabbitmq() -> None:
        """Be there."""

    pings = {"redis": Ping(redis), "rabbitmq": Ping(rabbitmq)}
    watch = asyncio.create_task(watch_dependencies(pings, seen.__setitem__))
    for up in (True, False, True):
        there["redis"] = up
        await reported(seen, {"redis": up, "rabbitmq": True})
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def reported(seen: dict[str, bool], expected: dict[str, bool]) -> None:
    """Wait until exactly this is reported."""

    async def look() -> bool:
        return seen == expected

    await eventually(look, seconds=2)
