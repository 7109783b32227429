"""The rate limiter in a real Redis."""

import asyncio

from redis.asyncio import Redis

from services.api.app import LUA
from services.api.limits import RateLimiter
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts


async def test_a_burst_passes_and_the_next_request_waits(redis: Redis) -> None:
    """A client gets its burst at once and then has to wait `retry_after`; another client does not notice."""
    limiter = RateLimiter(load_scripts(AutoPipeline(redis), LUA), per_second=2, burst=3)
    decisions = [await limiter.decide("address:192.0.2.1") for _ in range(4)]
    assert [decision.allowed for decision in decisions] == [True, True, True, False]
    assert [decision.remaining for decision in decisions] == [2, 1, 0, 0]
    assert (await limiter.decide("another")).allowed
    assert 0 < decisions[3].retry_after <= 0.5
    await asyncio.sleep(decisions[3].retry_after)
    assert (await limiter.decide("address:192.0.2.1")).allowed


async def test_what_is_kept_about_a_client_expires(redis: Redis) -> None:
    """No key outlives the time until its client's burst is full again, and none names the client."""
    limiter = RateLimiter(load_scripts(AutoPipeline(redis), LUA), per_second=10, burst=5)
    await limiter.decide("address:192.0.2.1")
    [key] = [key async for key in redis.scan_iter("*")]
    assert 0 < await redis.pttl(key) <= 200
    assert "192.0.2.1" not in key
