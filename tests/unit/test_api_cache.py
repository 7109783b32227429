"""The cache of settled orders."""

import asyncio
from collections import Counter

import pytest

from services.api.cache import OrderCache
from services.api.catalogue import CATALOGUE
from services.api.orders import price
from services.api.schemas import EXAMPLE, NewOrder, Order, Status

DOCUMENT = price(NewOrder.model_validate(EXAMPLE), CATALOGUE, "x")


class Store:
    """Stands for Redis: orders by id, and how often each was loaded."""

    def __init__(self, **statuses: Status) -> None:
        """Start with orders of these ids and statuses."""
        self.statuses = statuses
        self.loads: Counter[str] = Counter()
        self.reads: list[str] = []

    def cache(self, *, entries: int = 10, ttl: float = 60) -> OrderCache:
        """Return a cache in front of it."""
        return OrderCache(self.load, entries=entries, ttl=ttl, on_read=self.reads.append)

    async def load(self, order_id: str) -> Order | None:
        """Return an order, when there is one."""
        self.loads[order_id] += 1
        if order_id not in self.statuses:
            return None
        return Order(**{**dict(DOCUMENT), "id": order_id}, status=self.statuses[order_id])


@pytest.mark.parametrize(("status", "loads"), [("pending", 2), ("processing", 2), ("done", 1), ("failed", 1)])
async def test_only_settled_orders_are_kept(status: Status, loads: int) -> None:
    """What can still change is read anew each time."""
    store = Store(a=status)
    kept = store.cache()
    assert await kept.get("a") == await kept.get("a")
    assert store.loads["a"] == loads


async def test_hits_and_misses_are_counted() -> None:
    """From memory is a hit, what could have been is a miss; not settled, or not there, is open."""
    store = Store(a="done")
    kept = store.cache()
    for order_id in ("a", "a", "b"):
        await kept.get(order_id)
    assert store.reads == ["miss", "hit", "open"]


async def test_it_never_holds_more_than_its_bound() -> None:
    """The oldest make room for the newest."""
    store = Store(a="done", b="done", c="done")
    kept = store.cache(entries=2)
    for order_id in ("a", "b", "c", "b", "c", "a"):
        await kept.get(order_id)
    assert store.loads == {"a": 2, "b": 1, "c": 1}


async def test_kept_orders_expire() -> None:
    """After its time an order is read again."""
    store = Store(a="done")
    kept = store.cache(ttl=0.02)
    await kept.get("a")
    async with asyncio.timeout(5):
        while store.loads["a"] == 1:
            await asyncio.sleep(0.005)
            await kept.get("a")
