"""Scenarios in a real Redis: what an operator switches, every service notices."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.common.lifecycle import Lifetime
from services.common.scenarios import KEY, Scenarios, Switches
from tests.servers import eventually

NAME = "smtp-down"


@pytest.fixture
async def scenarios(redis: Redis) -> AsyncIterator[Scenarios]:
    """Return what a service knows of the scenarios while it runs."""
    found = Scenarios(lambda _: "")
    async with Lifetime().background(found.watch(redis), "scenarios"):
        yield found


async def test_a_service_notices_what_is_switched(redis: Redis, scenarios: Scenarios) -> None:
    """On and off, also when its time is over, within a second; nobody restarts anything."""
    switches = Switches(redis)
    await redis.hset(KEY, mapping={b"\xff": b"\xff", "memory-leak": "soon"})  # nonsense disturbs nobody
    await switches.on(NAME, 60)
    await eventually(lambda: scenarios.on(NAME), seconds=2)
    assert list(await switches.ends()) == [NAME]
    await switches.off(NAME)
    await eventually(lambda: not scenarios.on(NAME), seconds=2)
    await switches.on(NAME, 0.01)
    await eventually(lambda: _none(switches), seconds=2)
    assert not scenarios.on(NAME)


async def _none(switches: Switches) -> bool:
    return await switches.ends() == {}
