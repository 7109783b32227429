"""Orders and stock in Redis, as fulfilling and sweeping see them."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.common.ids import first_uuid7, uuid7
from services.common.messaging.messages import FIRST_PUBLISHED_AT, now_ms
from services.common.outbox.stream import REQUIRED, Outbox
from services.common.redis.client import is_wrong_type
from services.common.redis.memory import MIN_RETENTION_SECONDS
from services.common.redis.scripts import RunScript
from services.worker.handlers import STUCK, DamagedOrderError, Final, Reservation, Settled, UnknownOrderError
from services.worker.messages import (
    Document,
    OrderCreatedData,
    OrderOutcome,
    OrderReference,
    OutcomeData,
    Unusable,
)
from services.worker.sweeper import OpenOrder, Swept

T = TypeVar("T")

STOCK = "stock"
LISTING = "orders"
OPEN = "orders:open"
"""Orders that are not settled, by when (ms of Unix time) they are to be swept."""
MAX_SWEEPS = 3
FORGOTTEN_AT_ONCE = 1000


def now(ago: float = 0) -> str:
    """Return the time, or that of so many seconds ago, as RFC 3339 in UTC, to the millisecond."""
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


async def checked(reply: Awaitable[T]) -> T:
    """Return Redis's reply; raises `DamagedOrderError` when a key of the order is of another type."""
    try:
        return await reply
    except ResponseError as error:
        if is_wrong_type(error):
            raise DamagedOrderError(str(error)) from error
        raise


@dataclass(frozen=True, slots=True)
class OrderStore:
    """Moves orders on, and stock with them, each in one atomic step; implements `OpenOrders`."""

    redis: Redis
    run: RunScript
    outbox: Outbox
    retention_seconds: int
    """How long a settled order is kept."""
    stuck_after_seconds: float
    """How long an order may take until it is swept; after each sweep twice as long."""

    async def stock_up(self, units: Mapping[str, int]) -> None:
        """Add products that were never in stock; others keep their count."""
        async with self.redis.pipeline(transaction=True) as pipeline:
            for sku, count in units.items():
                pipeline.hsetnx(STOCK, sku, str(count))
            await pipeline.execute()

    async def reserve(self, order: OrderCreatedData) -> Reservation:
        """See `Ports.reserve`; raises `UnknownOrderError` or `DamagedOrderError`."""
        items = [field for item in order.items for field in (item.sku, item.quantity)]
        keys = [key(order.order_id, "status"), key(order.order_id, "reservation"), STOCK]
        state: Reservation | Literal["unknown"] = await checked(self.run("reserve", keys, [now(), *items]))
        if state == "unknown":
            raise UnknownOrderError(f"order {order.order_id} was never accepted")
        return state

    async def settle(self, order: OrderReference, status: Final, reason: str | None) -> Settled:
        """See `Ports.settle`; raises `UnknownOrderError` or `DamagedOrderError`."""
        order_id = order.order_id
        event = outcome(order, status, reason)
        where, held, kept = (key(order_id, part) for part in ("status", "reservation", "event"))
        keys = [where, held, STOCK, self.outbox.stream, key(order_id), OPEN, kept]
        fields = self.outbox.fields(event.type, event.id, event.model_dump_json(exclude_none=True))
        # No message would come back to void the payment, so the sweeper has to, before it closes the order.
        closed = "" if reason == STUCK else order_id
        how: list[Any] = [status, event.occurred_at, reason or "", self.retention_seconds, closed]
        final, first, accepted_at = await checked(self.run("settle", keys, [*how, *fields]))
        if final == "unknown":
            raise UnknownOrderError(f"order {order_id} was never accepted")
        return Settled(final, first == 1, accepted_at)

    async def due(self, limit: int) -> Sequence[OpenOrder]:
        """See `OpenOrders.due`."""
        ids: Any = await self.redis.zrange(OPEN, "-inf", str(now_ms()), byscore=True, offset=0, num=limit)
        async with self.redis.pipeline(transaction=False) as pipeline:
            for order_id in ids:
                pipeline.hgetall(key(order_id, "event"))
            events = await pipeline.execute(raise_on_error=False)
        return [OpenOrder(order_id, _usable(event)) for order_id, event in zip(ids, events, strict=True)]

    async def sweep(self, order: OpenOrder) -> Swept:
        """See `OpenOrders.sweep`; raises `DamagedOrderError`."""
        event = order.event
        first = event.get(FIRST_PUBLISHED_AT, "")
        fields = self.outbox.fields(event["type"], event["message_id"], event["body"], first) if event else []
        keys = [key(order.order_id, "status"), key(order.order_id, "event"), OPEN, self.outbox.stream]
        stuck_after_ms = round(self.stuck_after_seconds * 1000)
        arguments = [order.order_id, now_ms(), stuck_after_ms, MAX_SWEEPS, *fields]
        swept: Swept = await checked(self.run("sweep", keys, arguments))
        return swept

    async def close(self, order_id: str) -> None:
        """See `OpenOrders.close`."""
        await self.redis.zrem(OPEN, order_id)

    async def forget_oldest(self, *, min_age: float = MIN_RETENTION_SECONDS) -> None:
        """Forget, of the 1,000 oldest orders, those that are settled for some time, with their payments."""
        newest = first_uuid7(now_ms() - round(min_age * 1000))
        await self.run("forget", [LISTING, OPEN], [newest, FORGOTTEN_AT_ONCE, now(min_age)])

    async def reference(self, order: OpenOrder) -> OrderReference:
        """See `OpenOrders.reference`; raises `DamagedOrderError` or `ValueError`."""
        try:
            return Unusable.model_validate_json(order.event.get("body", "")).data
        except ValidationError:
            document = await checked(self.redis.get(key(order.order_id)))
            customer = Document.model_validate_json(document or "{}").customer
            return OrderReference(order_id=order.order_id, customer=customer)


def _usable(event: Any) -> Mapping[str, str]:  # noqa: ANN401 - whatever the key holds
    """Return an event that can be published again, or nothing: a damaged one must not hold up the others."""
    return event if isinstance(event, dict) and event.keys() >= REQUIRED else {}


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
