"""Orders that are not settled, in Redis: by when somebody should look after them, and their events."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError
from redis.asyncio import Redis

from services.common.messaging.messages import now_ms
from services.common.outbox.stream import Outbox
from services.common.redis.scripts import RunScript
from services.worker.messages import OrderReference, Unusable, UnusableData
from services.worker.store import OPEN, damaged, event_key, order_key, status_key
from services.worker.sweeper import OpenOrder, Swept

MOST_SWEEPS = 3


class Document(BaseModel):
    """As much of an accepted order as it takes to tell its customer."""

    customer: dict[str, JsonValue] = {}


class OpenOrders:
    """Finds what is due and tells it again."""

    def __init__(self, redis: Redis, run: RunScript, outbox: Outbox, *, stuck_after: float) -> None:
        """`stuck_after` is how long an order may take, in seconds; twice as long after each sweep."""
        self._redis = redis
        self._run = run
        self._outbox = outbox
        self._stuck_after_ms = round(stuck_after * 1000)

    async def due(self, limit: int) -> Sequence[OpenOrder]:
        """Return up to `limit` orders, those that wait longest first."""
        ids: Any = await self._redis.zrange(OPEN, "-inf", str(now_ms()), byscore=True, offset=0, num=limit)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for order_id in ids:
                pipeline.hgetall(event_key(order_id))
            events = await pipeline.execute(raise_on_error=False)
        return [OpenOrder(order_id, _usable(event)) for order_id, event in zip(ids, events, strict=True)]

    async def sweep(self, order: OpenOrder) -> Swept:
        """See `SweeperPorts.sweep`."""
        event = order.event
        fields = self._outbox.fields(event["type"], event["message_id"], event["body"]) if event else []
        keys = [status_key(order.order_id), event_key(order.order_id), OPEN, self._outbox.stream]
        arguments = [order.order_id, now_ms(), self._stuck_after_ms, MOST_SWEEPS, *fields]
        with damaged:
            swept: Swept = await self._run("sweep", keys, arguments)
        return swept

    async def close(self, order_id: str) -> None:
        """See `SweeperPorts.close`."""
        await self._redis.zrem(OPEN, order_id)

    async def reference(self, order: OpenOrder) -> OrderReference:
        """Return whom to tell of an order: from its event, or else from the order itself."""
        try:
            return Unusable.model_validate_json(order.event.get("body", "")).data
        except ValidationError:
            with damaged:
                document = await self._redis.get(order_key(order.order_id)) or "{}"
            customer = Document.model_validate_json(document).customer
            return UnusableData(order_id=order.order_id, customer=customer)


def _usable(event: Any) -> Mapping[str, str]:  # noqa: ANN401 - whatever lies under the key
    """Return an event that can be told again, or nothing: one damaged entry must not hold up the others."""
    return event if isinstance(event, dict) and event.keys() >= {"type", "message_id", "body"} else {}
