"""Sweeping on a real Redis: whatever got lost, no order stays open for ever."""

from functools import partial

import pytest
from redis.asyncio import Redis

from services.common.outbox.stream import Outbox
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.worker.app import LUA
from services.worker.handlers import DamagedOrderError
from services.worker.messages import OrderReference
from services.worker.store import MAX_SWEEPS, OPEN, OrderStore, key
from services.worker.sweeper import OpenOrder, Swept
from tests.integration.test_accepting import ORDER, placing, store
from tests.servers import entries


class World:
    """An accepted order whose message never arrived, and what sweeps it."""

    def __init__(self, redis: Redis, *, stuck_after: float = 0) -> None:
        """Compose the two services around a Redis; orders are due at once, by default again at once."""
        self.redis = redis
        self.place = partial(placing(store(redis, stuck_after_seconds=-1)), ORDER, None)
        outbox = Outbox(redis, "worker", context=lambda: {"correlation_id": "c-1", "traceparent": "t-2"})
        scripts = load_scripts(AutoPipeline(redis), LUA)
        self.store = OrderStore(redis, scripts, outbox, 60, stuck_after)

    async def sweep(self) -> list[Swept]:
        """Sweep all that is due once."""
        return [await self.store.sweep(order) for order in await self.store.due(10)]


async def test_a_lost_message_is_republished_as_it_was(redis: Redis) -> None:
    """The event has its own id and correlation id; only the trace context is that of the sweep."""
    world = World(redis)
    await world.place()
    [lost] = await entries(redis, "outbox:api")
    assert await world.sweep() == ["republished"]
    [republished] = await entries(redis, "outbox:worker")
    assert republished == {**lost, "traceparent": "t-2"}


async def test_an_order_that_republishing_does_not_help_is_exhausted(redis: Redis) -> None:
    """It is republished a few times only; then its customer is known to the code that fails it."""
    world = World(redis)
    placed = await world.place()
    found = [await world.sweep() for _ in range(MAX_SWEEPS + 1)]
    assert found == [["republished"]] * MAX_SWEEPS + [["exhausted"]]
    [order] = await world.store.due(10)
    reference = await world.store.reference(order)
    assert reference.order_id == placed.order.id
    assert reference.customer == {"name": ORDER.customer.name, "email": ORDER.customer.email}


async def test_an_order_without_its_event_is_exhausted_at_once(redis: Redis) -> None:
    """There is nothing to republish; the customer is found in the order itself."""
    world = World(redis)
    placed = await world.place()
    await redis.delete(f"order:{placed.order.id}:event")
    assert await world.sweep() == ["exhausted"]
    [order] = await world.store.due(10)
    assert (await world.store.reference(order)).customer["email"] == ORDER.customer.email


async def test_an_order_without_a_status_is_named_and_forgotten(redis: Redis) -> None:
    """What cannot be settled is reported once, and swept no more."""
    world = World(redis)
    placed = await world.place()
    await redis.delete(f"order:{placed.order.id}:status")
    assert await world.sweep() == ["unknown"]
    assert await redis.zcard(OPEN) == 0


async def test_a_sweeper_that_dies_leaves_the_payment_to_the_next(redis: Redis) -> None:
    """An order that a sweeper failed stays open until its payment was voided as well."""
    world = World(redis)
    placed = await world.place()
    [order] = await world.store.due(10)
    await world.store.settle(await world.store.reference(order), "failed", "stuck")
    assert await world.sweep() == ["failed"]
    await world.store.close(placed.order.id)
    assert await world.sweep() == []


async def test_a_damaged_event_holds_up_no_other(redis: Redis) -> None:
    """Whatever is under the key of an order's event, the orders behind it are swept."""
    world = World(redis)
    first, _ = await world.place(), await world.place()
    await redis.delete(f"order:{first.order.id}:event")
    await redis.set(f"order:{first.order.id}:event", "no hash")
    assert sorted(await world.sweep()) == ["exhausted", "republished"]


async def test_a_key_of_another_type_is_a_damaged_order(redis: Redis) -> None:
    """Its order cannot be swept, and makes room for those behind it; it can neither be read nor settled."""
    world = World(redis, stuck_after=60)
    placed = await world.place()
    await redis.set(key(placed.order.id, "status"), "what?")
    [order] = await world.store.due(10)
    with pytest.raises(DamagedOrderError):
        await world.store.sweep(order)
    assert await world.store.due(10) == []
    await redis.delete(key(placed.order.id))
    await redis.hset(key(placed.order.id), "what", "?")
    with pytest.raises(DamagedOrderError):
        await world.store.reference(OpenOrder(placed.order.id, {}))
    with pytest.raises(DamagedOrderError):
        await world.store.settle(OrderReference(order_id=placed.order.id, customer={}), "failed", "stuck")


async def test_two_sweepers_republish_an_order_once(redis: Redis) -> None:
    """Whoever comes second finds that it is not due any more."""
    world = World(redis, stuck_after=9)
    await world.place()
    [order] = await world.store.due(10)
    assert [await world.store.sweep(order) for _ in range(2)] == ["republished", "not_due"]
    [republished] = await entries(redis, "outbox:worker")
    assert order.order_id in republished["body"]
