"""Accepting orders in a real Redis: one atomic step, idempotent, bounded."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from redis.asyncio import Redis

from services.api.app import LUA
from services.api.catalogue import CATALOGUE
from services.api.orders import IdempotencyConflictError, OutboxFullError, Placed, created, place
from services.api.schemas import EXAMPLE, NewOrder
from services.api.settings import Settings
from services.api.store import OrderStore
from services.common.ids import uuid7
from services.common.outbox.stream import Outbox
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from tests.servers import entries

ORDER = NewOrder.model_validate(EXAMPLE, strict=False)
BOUNDS = {"idempotency_ttl_seconds": 60, "retention_seconds": 3600, "stuck_after_seconds": 60}


def store(redis: Redis, **bounds: float) -> OrderStore:
    """Return a store on a real Redis."""
    settings = Settings().model_copy(update={**BOUNDS, **bounds})  # which may be out of its ranges
    outbox = Outbox(redis, "api", context=lambda: {"correlation_id": "c-1", "traceparent": "t-1"})
    pipeline = AutoPipeline(redis)
    return OrderStore(redis, pipeline, load_scripts(pipeline, LUA), outbox, settings)


def placing(store: OrderStore) -> Callable[..., asyncio.Future[Placed]]:
    """Return the use case on that store."""
    return partial(place, accept=store.accept, catalogue=CATALOGUE, new_id=uuid7)  # type: ignore[return-value]


async def test_an_order_its_status_and_its_event_are_written_together(redis: Redis) -> None:
    """An accepted order can be read at once, is pending, and has one event in the outbox."""
    orders = store(redis)
    placed = await placing(orders)(ORDER, None)
    read = await orders.order(placed.order.id)
    assert read is not None
    assert (read.status, read.total) == ("pending", placed.order.total)
    [event] = await entries(redis, "outbox:api")
    assert (event["type"], event["correlation_id"]) == ("order.created.v1", "c-1")
    assert placed.order.id in event["body"]


async def test_fifty_concurrent_requests_with_one_key_are_one_order(redis: Redis) -> None:
    """The same Idempotency-Key and order give the same order; the key with another order is a conflict."""
    orders = placing(store(redis))
    placed = await asyncio.gather(*(orders(ORDER, "key-1") for _ in range(50)))
    assert len({p.order.id for p in placed}) == 1
    assert sum(not p.replayed for p in placed) == 1
    with pytest.raises(IdempotencyConflictError):
        await orders(ORDER.model_copy(update={"items": ORDER.items[:1]}), "key-1")
    assert (await redis.xlen("outbox:api"), await redis.zcard("orders")) == (1, 1)


async def test_a_full_outbox_refuses_and_writes_nothing(redis: Redis) -> None:
    """Past its bound no order is accepted, and nothing of it remains."""
    orders = placing(store(redis, outbox_max_entries=1))
    await orders(ORDER, None)
    with pytest.raises(OutboxFullError):
        await orders(ORDER, "key-2")
    assert await redis.zcard("orders") == 1
    assert not [key async for key in redis.scan_iter("idempotency:*")]


async def test_pages_lead_through_all_orders_newest_first(redis: Redis) -> None:
    """Following the cursor shows every order once."""
    orders = store(redis)
    ids = [(await placing(orders)(ORDER, None)).order.id for _ in range(7)]
    pages = [await orders.page(2, None)]
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(await orders.page(2, cursor))
    assert [len(page.items) for page in pages] == [2, 2, 2, 1]
    assert [order.id for page in pages for order in page.items] == sorted(ids, reverse=True)


async def test_accepting_the_same_order_again_changes_nothing(redis: Redis) -> None:
    """A repeated call, after an answer got lost, neither publishes the order twice nor moves it back."""
    orders = store(redis)
    placed = await placing(orders)(ORDER, None)
    await redis.hset(f"order:{placed.order.id}:status", "status", "processing")
    again = await orders.accept(placed.order, created(placed.order, ORDER, uuid7()), None)
    assert again.order == placed.order
    assert await redis.xlen("outbox:api") == 1
    status = await orders.status(placed.order.id)
    assert status is not None
    assert status.status == "processing"
