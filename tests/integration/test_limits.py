"""The rate limiter in a real Redis."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis

import services.api
from services.api.limits import RateLimiter
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts

LUA = Path(services.api.__file__).parent / "lua"


async def test_a_burst_passes_and_the_next_request_waits(redis: Redis) -> None:
    """A client gets its burst at once, then has to wait; another client does not notice."""
    limiter = RateLimiter(load_scripts(AutoPipeline(redis), LUA), per_second=2, burst=3)
    decisions = [await limiter.decide("a") for _ in range(4)]
    assert [d.allowed for d in decisions] == [True, True, True, False]
    assert [d.remaining for d in decisions] == [2, 1, 0, 0]
    assert 0 < decisions[3].retry_after <= 0.5
    assert (await limiter.decide("b")).allowed


async def test_waiting_for_retry_after_is_enough(redis: Redis) -> None:
    """After `retry_after` the next request is allowed."""
    limiter = RateLimiter(load_scripts(AutoPipeline(redis), LUA), per_second=20, burst=1)
    await limiter.decide("a")
    refused = await limiter.decide("a")
    assert not refused.allowed
    await asyncio.sleep(refused.retry_after)
    assert (await limiter.decide("a")).allowed


async def test_what_is_kept_about_a_client_expires(redis: Redis) -> None:
    """No key outlives the time until its client's burst is full again, and none names the client."""
    limiter = RateLimiter(load_scripts(AutoPipeline(redis), LUA), per_second=10, burst=5)
    await limiter.decide("address:192.0.2.1")
    [key] = [key async for key in redis.scan_iter("*")]
    assert 0 < await redis.pttl(key) <= 200
    assert "192.0.2.1" not in key
