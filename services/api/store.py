"""Orders in Redis: what the api writes once, and reads."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.api.messages import OrderCreated
from services.api.orders import (
    DamagedOrderError,
    Idempotency,
    IdempotencyConflictError,
    OutboxFullError,
    Placed,
)
from services.api.schemas import Order, OrderDocument, OrderPage, OrderStatus, StatusChange
from services.api.settings import Settings
from services.common.ids import first_uuid7
from services.common.messaging.messages import now_ms
from services.common.outbox.stream import Outbox
from services.common.redis.client import is_wrong_type
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import RunScript

log = structlog.get_logger(__name__)

LISTING = "orders"
OPEN = "orders:open"
"""Orders that are not settled, by when (ms of Unix time) the worker is to sweep them."""
LATE = "orders:late"
LATE_AFTER_SECONDS = 5
"""As the objective of settlement has it."""
STATUSES = ("pending", "processing", "done", "failed")
STATE = ["status", "reason"]
DAMAGED = (ResponseError, ValueError)
"""What reading an order ends in whose key is of another type, or its value no such document."""


def order_key(order_id: str) -> str:
    """Return the key of what never changes about an order."""
    return f"order:{order_id}"


def status_key(order_id: str) -> str:
    """Return the key of an order's status, which the worker moves on; its channel has the same name."""
    return f"order:{order_id}:status"


def event_key(order_id: str) -> str:
    """Return the key of an order's event, kept until it is settled in case its message gets lost."""
    return f"order:{order_id}:event"


@dataclass(frozen=True, slots=True)
class OrderStore:
    """Writes accepted orders and reads them back."""

    redis: Redis
    pipeline: AutoPipeline
    run: RunScript
    outbox: Outbox
    settings: Settings
    kept: Callable[[int], int] = lambda seconds: seconds
    """Returns how long something is kept that is to be kept for so many seconds."""

    async def accept(self, order: OrderDocument, event: OrderCreated, key: Idempotency | None) -> Placed:
        """Write everything that an accepted order is, or nothing."""
        document = order.model_dump_json()
        known = f"idempotency:{hashlib.sha256(key.key.encode()).hexdigest()}" if key else order_key(order.id)
        outcome, stored, order_id = await self.run(
            "accept",
            [
                order_key(order.id),
                status_key(order.id),
                LISTING,
                self.outbox.stream,
                known,
                OPEN,
                event_key(order.id),
            ],
            [
                order.id,
                document,
                order.created_at,
                self.settings.outbox_max_entries,
                key.fingerprint if key else "",
                self.kept(self.settings.idempotency_ttl_seconds),
                first_uuid7(now_ms() - self.settings.retention_seconds * 1000),
                now_ms() + round(self.settings.stuck_after_seconds * 1000),
                *self.outbox.fields(event.type, event.id, event.model_dump_json()),
            ],
        )
        if outcome == "conflict":
            raise IdempotencyConflictError
        if outcome == "full":
            raise OutboxFullError
        if outcome == "accepted":
            return Placed(order, replayed=False)
        try:
            return Placed(OrderDocument.model_validate_json(stored), replayed=True)
        except ValueError:  # the key outlives its order, which was placed from the same input
            return Placed(order.model_copy(update={"id": order_id}), replayed=True)

    async def count_late(self, count: Callable[[str], None]) -> None:
        """Count each order that was open 5 s after it was accepted, by status; once, whichever api looks."""
        early = first_uuid7(now_ms() - LATE_AFTER_SECONDS * 1000)
        for status in await self.run("late", [LISTING, LATE], [early, LATE_AFTER_SECONDS]):
            count(status)

    async def order(self, order_id: str) -> Order | None:
        """Return an order with its status.

        Raises:
            DamagedOrderError: What is stored is no order.
        """
        replies = await asyncio.gather(
            self.pipeline(lambda commands: commands.get(order_key(order_id))),
            self.pipeline(lambda commands: commands.hmget(status_key(order_id), STATE)),
            return_exceptions=True,
        )
        order = _order(order_id, *replies)
        if isinstance(order, DamagedOrderError):
            raise order
        return order

    async def status(self, order_id: str) -> OrderStatus | None:
        """Return an order's status with its history.

        Raises:
            DamagedOrderError: What is stored is no status.
        """
        try:
            fields = await self.pipeline(lambda commands: commands.hgetall(status_key(order_id)))
            return _status(order_id, fields) if fields else None
        except DAMAGED as error:
            raise _damage(order_id, error) from None

    async def page(self, limit: int, cursor: str | None) -> OrderPage:
        """Return up to `limit` orders, newest first, older than the cursor (an order's id).

        One that is damaged is left out: it must not hide the others.
        """
        highest = f"({cursor}" if cursor else "+"
        ids: Any = await self.redis.zrange(
            LISTING, highest, "-", desc=True, bylex=True, offset=0, num=limit + 1
        )
        orders = [order for order in await self._orders(ids[:limit]) if isinstance(order, Order)]
        return OrderPage(items=orders, next_cursor=ids[limit - 1] if len(ids) > limit else None)

    async def _orders(self, ids: Sequence[str]) -> list[Order | DamagedOrderError | None]:
        async with self.redis.pipeline(transaction=False) as pipeline:
            for order_id in ids:
                pipeline.get(order_key(order_id))
                pipeline.hmget(status_key(order_id), STATE)
            replies = await pipeline.execute(raise_on_error=False)
        return [_order(*found) for found in zip(ids, replies[::2], replies[1::2], strict=True)]


def _order(order_id: str, document: Any, state: Any) -> Order | DamagedOrderError | None:  # noqa: ANN401 - replies
    try:
        for reply in (document, state):
            if isinstance(reply, Exception):
                raise reply
        if document is None or state[0] is None:
            return None
        fields = OrderDocument.model_validate_json(document).model_dump()
        return Order.model_validate({**fields, "status": state[0], "reason": state[1]})
    except DAMAGED as error:
        return _damage(order_id, error)


def _status(order_id: str, fields: Mapping[str, str]) -> OrderStatus:
    reason = fields.get("reason")
    history = [
        StatusChange(status=status, at=fields[status], reason=reason if status == "failed" else None)
        for status in STATUSES
        if status in fields
    ]
    return OrderStatus.model_validate(
        {"id": order_id, "status": fields.get("status"), "reason": reason, "history": history}
    )


def _damage(order_id: str, error: Exception) -> DamagedOrderError:
    """Log that an order is damaged; raise an error that is not this order's, but of Redis itself."""
    if isinstance(error, ResponseError) and not is_wrong_type(error):
        raise error
    log.error("order damaged", order_id=order_id, error=type(error).__name__)
    return DamagedOrderError(order_id)
