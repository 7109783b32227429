"""Orders and stock in Redis, as fulfilment sees them."""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.common.ids import uuid7
from services.common.outbox.stream import Outbox
from services.common.redis.client import is_wrong_type
from services.common.redis.scripts import RunScript
from services.worker.handlers import STUCK, DamagedOrderError, Final, Reservation, Settled, UnknownOrderError
from services.worker.messages import OrderCreatedData, OrderOutcome, OrderReference, OutcomeData

T = TypeVar("T")

STOCK = "stock"
OPEN = "orders:open"
"""Orders that are not settled, by when (ms of Unix time) they are to be swept."""


def now() -> str:
    """Return the time as RFC 3339 in UTC, to the millisecond."""
    return f"{datetime.now(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


async def checked(reply: Awaitable[T]) -> T:
    """Return Redis's reply; raises `DamagedOrderError` when a key of the order is of another type."""
    try:
        return await reply
    except ResponseError as error:
        if is_wrong_type(error):
            raise DamagedOrderError(str(error)) from error
        raise


class FulfilmentStore:
    """Moves orders on, and stock with them, each in one atomic step."""

    def __init__(self, redis: Redis, run: RunScript, outbox: Outbox, *, retention: int) -> None:
        """Keep the clients; `retention` is how long a settled order is kept, in seconds."""
        self._redis = redis
        self._run = run
        self._outbox = outbox
        self._retention = retention

    async def stock_up(self, units: Mapping[str, int]) -> None:
        """Add products that were never in stock; others keep their count."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            for sku, count in units.items():
                pipeline.hsetnx(STOCK, sku, str(count))
            await pipeline.execute()

    async def reserve(self, order: OrderCreatedData) -> Reservation:
        """See `Ports.reserve`; raises `UnknownOrderError` or `DamagedOrderError`."""
        items = [field for item in order.items for field in (item.sku, item.quantity)]
        keys = [key(order.order_id, "status"), key(order.order_id, "reservation"), STOCK]
        state: Reservation | Literal["unknown"] = await checked(self._run("reserve", keys, [now(), *items]))
        if state == "unknown":
            raise UnknownOrderError(f"order {order.order_id} was never accepted")
        return state

    async def settle(self, order: OrderReference, status: Final, reason: str | None) -> Settled:
        """See `Ports.settle`; raises `UnknownOrderError` or `DamagedOrderError`."""
        order_id = order.order_id
        event = outcome(order, status, reason)
        keys = [
            key(order_id, "status"),
            key(order_id, "reservation"),
            STOCK,
            self._outbox.stream,
            key(order_id),
            OPEN,
            key(order_id, "event"),
        ]
        body = event.model_dump_json(exclude_none=True)
        fields = self._outbox.fields(event.type, event.id, body)
        # No message would come back to void the payment, so the sweeper has to, before it closes the order.
        closed = "" if reason == STUCK else order_id
        arguments: list[Any] = [status, event.occurred_at, reason or "", self._retention, closed, *fields]
        final, first, accepted_at = await checked(self._run("settle", keys, arguments))
        if final == "unknown":
            raise UnknownOrderError(f"order {order_id} was never accepted")
        return Settled(final, first == 1, accepted_at)


def outcome(order: OrderReference, status: Final, reason: str | None) -> OrderOutcome:
    """Return the event about what became of an order."""
    return OrderOutcome(
        id=uuid7(),
        type="order.done.v1" if status == "done" else "order.failed.v1",
        occurred_at=now(),
        data=OutcomeData(order_id=order.order_id, customer=order.customer, reason=reason),
    )


def key(order_id: str, part: str = "") -> str:
    """Return the key of an order, or of a part of it: its status, its event, its reservation."""
    return f"order:{order_id}:{part}" if part else f"order:{order_id}"
