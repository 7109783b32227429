"""Settled orders in memory: only what can no longer change is kept, so nothing stale is ever served."""

from collections.abc import Awaitable, Callable

from cachetools import TTLCache

from services.api.schemas import Order

Load = Callable[[str], Awaitable[Order | None]]
SETTLED = frozenset({"done", "failed"})


class OrderCache:
    """A bounded cache in front of a loader; `on_read` hears `hit`, `miss`, or `open`: not settled."""

    def __init__(self, load: Load, *, entries: int, ttl: float, on_read: Callable[[str], None]) -> None:
        """Keep up to `entries` orders for `ttl` seconds each."""
        self._load = load
        self._kept: TTLCache[str, Order] = TTLCache(entries, ttl)
        self._on_read = on_read

    async def get(self, order_id: str) -> Order | None:
        """Return an order, from memory when it is settled and was read before."""
        kept = self._kept.get(order_id)
        if kept is not None:
            self._on_read("hit")
            return kept
        order = await self._load(order_id)
        if order is not None and order.status in SETTLED:
            self._kept[order_id] = order
            self._on_read("miss")
        else:
            self._on_read("open")
        return order

    def expire(self, order_id: str) -> None:
        """Forget an order."""
        self._kept.pop(order_id, None)
