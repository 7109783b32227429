"""Redis that takes no writes, how much of it an order needs, and what is forgotten and counted of orders."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from observability.metrics import Instruments
from services.api import store as api_store
from services.api.limits import RateLimiter
from services.common.outbox.stream import Outbox
from services.common.probes import Ping, readiness
from services.common.redis.client import try_to_write
from services.common.redis.memory import MIN_RETENTION_SECONDS, Memory
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.notifier.store import NotificationStore
from services.worker.app import LUA
from services.worker.handlers import Ports, fulfil
from services.worker.messages import OrderCreated
from services.worker.payments import SimulatedPayments
from services.worker.store import OrderStore
from tests.integration.test_accepting import ORDER, placing, store
from tests.integration.test_statuses import SETTINGS
from tests.servers import entries, eventually


class Shop:
    """An api, a worker and a notifier on one Redis, without a broker."""

    def __init__(self, redis: Redis) -> None:
        """Compose them."""
        self.redis, self.api, pipeline = redis, store(redis), AutoPipeline(redis)
        run = load_scripts(pipeline, LUA)
        self.worker = OrderStore(redis, run, Outbox(redis, "worker", dict), 3600, 60)
        payments = SimulatedPayments(run, SETTINGS)
        self.ports = Ports(self.worker.reserve, payments.charge, payments.void, self.worker.settle)
        self.notifier = NotificationStore(pipeline, run, 10, 3600)

    async def place(self, key: str | None = None) -> str:
        """Place an order, for which there is stock, and return its id."""
        await self.worker.stock_up({item.sku: 1000 for item in ORDER.items})
        return (await placing(self.api)(ORDER, key)).order.id

    async def gone(self, order_id: str) -> bool:
        """Return whether nothing is kept of an order."""
        return not [key async for key in self.redis.scan_iter(f"*{order_id}*")]

    async def settle(self) -> None:
        """Fulfil what is in the api's outbox, and take the events out of both, as relays do."""
        for entry in await entries(self.redis, "outbox:api"):
            await fulfil(OrderCreated.model_validate_json(entry["body"]), ports=self.ports)
        for service in ("api", "worker"):
            await self.redis.xtrim(f"outbox:{service}", 0)


@pytest.fixture
async def shop(redis: Redis) -> AsyncIterator[Shop]:
    """Return a shop; afterwards Redis takes writes again."""
    bound: Any = await redis.config_get("maxmemory")
    yield Shop(redis)
    await redis.replicaof("NO", "ONE")
    await redis.config_set("maxmemory", bound["maxmemory"])


@pytest.mark.parametrize("refuse", ["CONFIG SET maxmemory 1", "REPLICAOF 127.0.0.1 1"])
async def test_redis_that_takes_no_writes_is_not_up(shop: Shop, redis: Redis, refuse: str) -> None:
    """Full, or a replica: probes say so, no order is accepted; what was accepted is read, without a limit."""
    order_id = await shop.place()
    writable = partial(try_to_write, redis)
    pings = {"redis": Ping(writable, (ResponseError,), "no order can be placed")}
    assert (await readiness(pings))["status"] == "ready"
    assert await redis.exists("writable") == 0
    await redis.execute_command(*refuse.split())  # type: ignore[no-untyped-call]
    body = await readiness(pings)
    assert (body["status"], "no order can be placed" in str(body["checks"])) == ("degraded", True)
    for refused in (shop.place, shop.notifier.ensure_available):
        with pytest.raises(RedisError):
            await refused()
    assert (await RateLimiter(shop.api.run, per_second=1, burst=1).decide("a")).allowed
    assert await shop.api.order(order_id) is not None


async def test_what_was_accepted_is_settled_though_redis_is_full(shop: Shop, redis: Redis) -> None:
    """In the end that frees more than it takes; else a full Redis would stay full."""
    order_id = await shop.place()
    await redis.config_set("maxmemory", 1)
    await shop.settle()
    assert await redis.hget(f"order:{order_id}:status", "status") == "done"


async def test_when_memory_is_short_the_oldest_settled_orders_are_forgotten(shop: Shop, redis: Redis) -> None:
    """With all that is kept of them, and things are kept for less long; open and damaged orders stay."""
    settled = await shop.place()
    await shop.settle()
    still_open = await shop.place()
    await redis.set("order:0:status", "no hash")
    await redis.zadd("orders", {"0": 0, "00": 0})
    await shop.worker.forget_oldest()
    assert await shop.api.order(settled) is not None
    await asyncio.sleep(0.002)
    registry = CollectorRegistry()
    memory = Memory(redis, 0.0001, Instruments(registry, enabled=True))
    assert memory.kept(3600) == 3600
    watch = asyncio.create_task(memory.watch(lambda: shop.worker.forget_oldest(min_age=0)))
    await eventually(lambda: memory.kept(3600) == MIN_RETENTION_SECONDS)
    await eventually(lambda: shop.gone(settled))
    watch.cancel()
    assert 0 < (registry.get_sample_value("redis_memory_used_bytes") or 0) < 256 * 1024 * 1024
    assert registry.get_sample_value("redis_memory_max_bytes") == 256 * 1024 * 1024
    assert await redis.zrange("orders", 0, -1) == ["0", still_open]


async def test_an_order_that_took_long_is_kept_after_it_was_settled(shop: Shop) -> None:
    """After an outage a backlog is old already: who waits for an order still sees what became of it."""
    order_id = await shop.place()
    await asyncio.sleep(0.3)
    await shop.settle()
    await shop.worker.forget_oldest(min_age=0.25)
    assert await shop.api.order(order_id) is not None
    await asyncio.sleep(0.3)
    await shop.worker.forget_oldest(min_age=0.25)
    assert await shop.gone(order_id)


async def test_a_key_is_remembered_for_longer_than_its_order(shop: Shop, redis: Redis) -> None:
    """The order is not placed twice; what a version before wrote of it is understood."""
    order_id = await shop.place("key-1")
    document = await redis.getdel(f"order:{order_id}")
    assert await shop.place("key-1") == order_id
    [record] = [key async for key in redis.scan_iter("idempotency:*")]
    await redis.hset(record, "order", str(document))
    assert await shop.place("key-1") == order_id
    assert await redis.xlen("outbox:api") == 1


async def test_a_settled_order_takes_little_room(shop: Shop, redis: Redis) -> None:
    """At most what `docs/scaling.md` reckons with: no part of it is kept twice."""
    await shop.notifier.mark_sent(await shop.place("key-1"))
    await shop.settle()
    own = [key async for key in redis.scan_iter("*") if not key.startswith(("orders", "stock", "outbox"))]
    sizes: dict[str, Any] = {key: await redis.memory_usage(key) for key in own}
    assert len(sizes) == 5
    assert sum(sizes.values()) < 1350, sizes


async def test_an_order_that_becomes_late_is_counted_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it was settled in time; though it is settled when somebody looks, and whichever process does."""
    late: list[str] = []
    monkeypatch.setattr(api_store, "LATE_AFTER_SECONDS", 0)
    await shop.api.count_late(late.append)
    punctual, slow, processing, *_ = [await shop.place() for _ in range(4)]
    at = {order: f"order:{order}:status" for order in (punctual, slow, processing)}
    accepted = await shop.redis.hget(at[punctual], "pending")
    await shop.redis.hset(at[punctual], "done", accepted)
    await shop.redis.hset(at[slow], "pending", "2026-11-29T23:59:59.900Z")
    await shop.redis.hset(
        at[slow], mapping=dict.fromkeys(("processing", "failed"), "2026-11-30T00:00:00.000Z")
    )
    await shop.redis.hset(at[processing], "processing", accepted)
    await asyncio.sleep(0.002)
    for _ in range(2):
        await shop.api.count_late(late.append)
        assert sorted(late) == ["pending", "processing", "processing"]
