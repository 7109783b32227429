"""Redis that is full or read-only, and how much of it an order takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

import services.notifier
import services.worker
from services.api.limits import RateLimiter
from services.common.outbox.stream import Outbox
from services.common.probes import Ping, readiness
from services.common.redis.client import NotWritableError, check_writable
from services.common.redis.memory import watch_memory
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.notifier.store import NotificationStore
from services.worker.handlers import Ports, fulfil
from services.worker.messages import OrderCreated
from services.worker.payments import SimulatedPayments
from services.worker.settings import Settings
from services.worker.store import OrderStore
from tests.integration.test_accepting import LUA as API_LUA
from tests.integration.test_accepting import ORDER, placing, store
from tests.servers import entries, eventually

FREE = Settings(payment_latency_ms=0, payment_decline_rate=0, payment_outage_rate=0)


def scripts_of(redis: Redis, lua: Path) -> tuple[AutoPipeline, Callable[..., Awaitable[object]]]:
    """Return a pipeline, and a service's scripts on it."""
    pipeline = AutoPipeline(redis)
    return pipeline, load_scripts(pipeline, lua)


class Shop:
    """An api, a worker and a notifier on one Redis, without a broker."""

    def __init__(self, redis: Redis) -> None:
        """Compose them."""
        self.redis = redis
        self.api = store(redis)
        _, run = scripts_of(redis, Path(services.worker.__file__).parent / "lua")
        self.worker = OrderStore(redis, run, Outbox(redis, "worker", dict), 3600, 60)
        payments = SimulatedPayments(run, FREE)
        self.ports = Ports(self.worker.reserve, payments.charge, payments.void, self.worker.settle)
        notifier = scripts_of(redis, Path(services.notifier.__file__).parent / "lua")
        self.notifier = NotificationStore(*notifier, 10, 3600)

    async def place(self, key: str | None = None) -> str:
        """Place an order and return its id; stock is there for it."""
        await self.worker.stock_up({item.sku: 1000 for item in ORDER.items})
        return (await placing(self.api)(ORDER, key)).order.id

    async def settle(self) -> None:
        """Fulfil what is in the api's outbox, and take the events out of both, as relays do."""
        for entry in await entries(self.redis, "outbox:api"):
            await fulfil(OrderCreated.model_validate_json(entry["body"]), ports=self.ports)
        for service in ("api", "worker"):
            await self.redis.xtrim(f"outbox:{service}", 0)


@pytest.fixture(params=["full", "replica"])
async def refusing(
    request: pytest.FixtureRequest, redis: Redis
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Return what makes Redis refuse writes."""
    bound = (await redis.config_get("maxmemory"))["maxmemory"]
    try:
        if request.param == "full":
            yield lambda: redis.config_set("maxmemory", 1)
        else:
            yield lambda: redis.replicaof("127.0.0.1", "1")
    finally:
        await redis.replicaof("NO", "ONE")
        await redis.config_set("maxmemory", bound)


async def test_redis_that_takes_no_writes_is_not_up(
    redis: Redis, refusing: Callable[[], Awaitable[object]]
) -> None:
    """No order is accepted and probes say so; what was accepted can be read, and nobody is limited away."""
    shop = Shop(redis)
    order_id = await shop.place()
    await check_writable(redis)
    assert await redis.exists("writable") == 0
    await refusing()
    ping = Ping(lambda: check_writable(redis), (NotWritableError,), "no order can be placed")
    body = await readiness({"redis": ping})
    assert (body["status"], "no order can be placed" in str(body["checks"])) == ("degraded", True)
    limiter = RateLimiter(scripts_of(redis, API_LUA)[1], per_second=1, burst=1)
    assert (await limiter.decide("a")).allowed
    with pytest.raises(RedisError):
        await shop.place()
    with pytest.raises(RedisError):
        await shop.notifier.ensure_available()
    assert await shop.api.order(order_id) is not None


async def test_what_was_accepted_is_settled_though_redis_is_full(redis: Redis) -> None:
    """It takes no more than it frees; else a full Redis would stay full."""
    shop = Shop(redis)
    order_id = await shop.place()
    bound = (await redis.config_get("maxmemory"))["maxmemory"]
    await redis.config_set("maxmemory", 1)
    try:
        await shop.settle()
    finally:
        await redis.config_set("maxmemory", bound)
    assert await redis.hget(f"order:{order_id}:status", "status") == "done"


async def test_past_its_budget_the_oldest_settled_orders_are_forgotten(redis: Redis) -> None:
    """With all that is kept of them; an open order stays, and so does a young one."""
    shop = Shop(redis)
    settled = await shop.place()
    await shop.settle()
    still_open = await shop.place()
    await redis.set("order:damaged:status", "no hash")
    await redis.zadd("orders", {"damaged": 0})
    await shop.worker.forget_oldest()
    assert await shop.api.order(settled) is not None
    seen: list[tuple[int, int]] = []
    await asyncio.sleep(0.002)

    async def forget() -> None:
        await shop.worker.forget_oldest(min_age=0)

    def report(used: int, bound: int) -> None:
        seen.append((used, bound))

    watch = asyncio.create_task(watch_memory(redis, report, budget=0.0001, make_room=forget))
    await eventually(lambda: len(seen) > 1)
    watch.cancel()
    assert 0 < seen[0][0] < seen[0][1]
    assert not [key async for key in redis.scan_iter(f"*{settled}*")]
    assert await shop.api.order(still_open) is not None
    assert await redis.zrange("orders", 0, -1) == [still_open, "damaged"]


async def test_a_key_is_remembered_for_longer_than_its_order(redis: Redis) -> None:
    """The order is not placed twice; what a version before wrote of it is understood."""
    shop = Shop(redis)
    order_id = await shop.place("key-1")
    assert await shop.place("key-1") == order_id
    document = await redis.getdel(f"order:{order_id}")
    assert await shop.place("key-1") == order_id
    [record] = [key async for key in redis.scan_iter("idempotency:*")]
    await redis.hset(record, "order", document)
    assert await shop.place("key-1") == order_id
    assert await redis.xlen("outbox:api") == 1


async def test_a_settled_order_takes_little_room(redis: Redis) -> None:
    """At most what `docs/scaling.md` reckons with: no part of it is kept twice."""
    shop = Shop(redis)
    order_id = await shop.place("key-1")
    await shop.notifier.claim(order_id)
    await shop.notifier.mark_sent(order_id)
    await shop.settle()
    sizes = {key: await redis.memory_usage(key) async for key in redis.scan_iter("*") if key not in SHARED}
    assert len(sizes) == 5
    assert sum(sizes.values()) < 1350, sizes


SHARED = {"orders", "orders:open", "stock", "outbox:api", "outbox:worker"}
