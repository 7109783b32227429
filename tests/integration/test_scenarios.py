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


async def test_nonsense_in_redis_ends_no_service(redis: Redis, scenarios: Scenarios) -> None:
    """No scenario is on by it, and the hash is read again."""
    reads: list[None] = []
    scenarios.applies(lambda: reads.append(None))
    await redis.hset(KEY, b"\xff", b"\xff")
    for nonsense in ("soon", "1e30"):
        await redis.hset(KEY, NAME, nonsense)
        reads.clear()
        await eventually(lambda: len(reads) > 1)
        assert not scenarios.on(NAME)
    await Switches(redis).on(NAME, 60)
    await eventually(lambda: scenarios.on(NAME), seconds=2)
