"""Orders that wait to be fulfilled: accepted in Redis, their messages in the worker's queue."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis

from services.common.ids import uuid7
from services.common.messaging.messages import ATTEMPT, FIRST_PUBLISHED_AT, Outgoing, now_ms

BATCH = 500


@dataclass(frozen=True, slots=True)
class Seed:
    """An order, and the trace that its message continues."""

    order_id: str
    trace_id: str
    message: Outgoing


def seeds(count: int, share: float = 1.0) -> list[Seed]:
    """Return new orders, each in a trace of its own, of which this share is sampled."""
    return [_seed(sampled=random.random() < share) for _ in range(count)]  # noqa: S311 - no secret


def _seed(*, sampled: bool) -> Seed:
    order_id, event_id, at = uuid7(), uuid7(), datetime.now(UTC).isoformat()
    trace_id = f"{random.getrandbits(128) | 1:032x}"
    event = {
        "id": event_id,
        "type": "order.created.v1",
        "occurred_at": at,
        "data": {
            "order_id": order_id,
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
            "items": [{"sku": "espresso-beans", "quantity": 2}, {"sku": "moka-pot", "quantity": 1}],
            "total": {"amount": 7275, "currency": "EUR"},
            "payment": {"token": "tok_visa"},
        },
    }
    headers: dict[str, str | int] = {
        ATTEMPT: 1,
        FIRST_PUBLISHED_AT: now_ms(),
        "traceparent": f"00-{trace_id}-{random.getrandbits(64) | 1:016x}-0{sampled:d}",
    }
    body = json.dumps(event).encode()
    return Seed(
        order_id, trace_id, Outgoing("", "orders", "order.created.v1", event_id, event_id, body, headers)
    )


async def accept(redis: Redis, orders: Sequence[Seed]) -> None:
    """Write what an accepted order is to the worker."""
    at = datetime.now(UTC).isoformat()
    for start in range(0, len(orders), BATCH):
        async with redis.pipeline(transaction=False) as pipeline:
            for order in orders[start : start + BATCH]:
                pipeline.hset(f"order:{order.order_id}:status", mapping={"status": "pending", "pending": at})
                pipeline.set(f"order:{order.order_id}", "{}")
            await pipeline.execute()


async def forget_orders(redis: Redis) -> None:
    """Delete all orders and what belongs to them, so that no turn finds Redis fuller than the one before."""
    for pattern in ("order*", "payment:*"):
        keys = [key async for key in redis.scan_iter(pattern, count=BATCH)]
        for start in range(0, len(keys), BATCH):
            await redis.unlink(*keys[start : start + BATCH])
