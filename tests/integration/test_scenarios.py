"""Scenarios in a real Redis: what an operator switches, every service notices."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.common.lifecycle import Lifetime
from services.common.scenarios import KEY, Scenarios, Switches
from tests.servers import eventually


@pytest.fixture
async def scenarios(redis: Redis) -> AsyncIterator[Scenarios]:
    """Return what a service knows of the scenarios while it runs."""
    found = Scenarios(lambda _: "")
    async with Lifetime().background(found.watch(redis), "scenarios"):
        yield found


async def test_a_service_notices_what_is_switched(redis: Redis, scenarios: Scenarios) -> None:
    """On and off, within a second; nobody restarts anything."""
    switches = Switches(redis)
    await switches.on("smtp-down", 60)

    async def on() -> bool:
        return scenarios.on("smtp-down")

    async def off() -> bool:
        return not scenarios.on("smtp-down")

    await eventually(on, seconds=2)
    assert list(await switches.ends()) == ["smtp-down"]
    await switches.off("smtp-down")
    await eventually(off, seconds=2)
    assert await switches.ends() == {}


async def test_what_has_ended_is_off(redis: Redis, scenarios: Scenarios) -> None:
    """Nobody has to switch it off."""
    await Switches(redis).on("smtp-down", 0.01)
    await asyncio.sleep(0.1)
    assert await Switches(redis).ends() == {}
    assert not scenarios.on("smtp-down")


async def test_nonsense_in_redis_ends_no_service(redis: Redis, scenarios: Scenarios) -> None:
    """It is logged, and looked at again."""
    await redis.hset(KEY, "smtp-down", "soon")
    await asyncio.sleep(0.7)
    await redis.hset(KEY, mapping={"smtp-down": "1e30", b"\xff": b"\xff"})
    await asyncio.sleep(0.7)
    assert not scenarios.on("smtp-down")
    await Switches(redis).on("smtp-down", 60)

    async def on() -> bool:
        return scenarios.on("smtp-down")

    await eventually(on, seconds=2)
