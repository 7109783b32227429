"""Orders that are not settled, in Redis: when each is to be swept, and its event."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError
from redis.asyncio import Redis

from services.common.messaging.messages import now_ms
from services.common.outbox.stream import Outbox
from services.common.redis.scripts import RunScript
from services.worker.messages import OrderReference, Unusable
from services.worker.store import OPEN, checked, key
from services.worker.sweeper import OpenOrder, Swept

MAX_SWEEPS = 3


class Document(BaseModel):
    """As much of an accepted order as it takes to inform its customer."""

    customer: dict[str, JsonValue] = {}


class OpenOrderStore:
    """Implements `OpenOrders`."""

    def __init__(self, redis: Redis, run: RunScript, outbox: Outbox, *, stuck_after: float) -> None:
        """Keep the clients; an order may take `stuck_after` seconds, and twice as long after each sweep."""
        self._redis = redis
        self._run = run
        self._outbox = outbox
        self._stuck_after_ms = round(stuck_after * 1000)

    async def due(self, limit: int) -> Sequence[OpenOrder]:
        """Return up to `limit` orders, those that have waited longest first."""
        ids: Any = await self._redis.zrange(OPEN, "-inf", str(now_ms()), byscore=True, offset=0, num=limit)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for order_id in ids:
                pipeline.hgetall(key(order_id, "event"))
            events = await pipeline.execute(raise_on_error=False)
        return [OpenOrder(order_id, _usable(event)) for order_id, event in zip(ids, events, strict=True)]

    async def sweep(self, order: OpenOrder) -> Swept:
        """Put the order's event into the outbox again, or say why not, in one step."""
        event = order.event
        fields = self._outbox.fields(event["type"], event["message_id"], event["body"]) if event else []
        keys = [key(order.order_id, "status"), key(order.order_id, "event"), OPEN, self._outbox.stream]
        arguments = [order.order_id, now_ms(), self._stuck_after_ms, MAX_SWEEPS, *fields]
        swept: Swept = await checked(self._run("sweep", keys, arguments))
        return swept

    async def close(self, order_id: str) -> None:
        """Schedule no more sweeps of an order."""
        await self._redis.zrem(OPEN, order_id)

    async def reference(self, order: OpenOrder) -> OrderReference:
        """Return whose order it is: from its event, or else from the order itself."""
        try:
            return Unusable.model_validate_json(order.event.get("body", "")).data
        except ValidationError:
            document = await checked(self._redis.get(key(order.order_id)))
            customer = Document.model_validate_json(document or "{}").customer
            return OrderReference(order_id=order.order_id, customer=customer)


def _usable(event: Any) -> Mapping[str, str]:  # noqa: ANN401 - whatever the key holds
    """Return an event that can be published again, or nothing: a damaged one must not hold up the others."""
    return event if isinstance(event, dict) and event.keys() >= {"type", "message_id", "body"} else {}
