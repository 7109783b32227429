"""Stand-ins for what the services talk to, as small as their tests allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from services.common.messaging.messages import Delivery

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
FIRST_PUBLISHED_AT = 1_795_426_200_125


@dataclass
class Scripts:
    """Stands for Redis's Lua scripts: answers as the test says, and remembers the calls."""

    answers: Mapping[str, Any]
    calls: list[tuple[str, Sequence[str], Sequence[Any]]] = field(default_factory=list)

    async def __call__(
        self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]
    ) -> Any:  # noqa: ANN401 - see RunScript
        """Note the call and return the script's answer."""
        self.calls.append((name, keys, args))
        return self.answers[name]


@dataclass
class Stream:
    """Stands for the Redis stream of an outbox."""

    entries: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def add(self, fields: Sequence[str | bytes]) -> None:
        """Append an entry given as `XADD` takes it."""
        texts = [field.decode() if isinstance(field, bytes) else field for field in fields]
        self.entries.append((f"{len(self.entries)}-1", dict(zip(texts[::2], texts[1::2], strict=True))))

    async def xreadgroup(self, _group: str, _relay: str, streams: Mapping[str, str], **_: int) -> Any:  # noqa: ANN401 - as redis-py has it
        return dict.fromkeys(streams, self.entries)

    def as_redis(self) -> Redis:
        """Return itself as the client that it stands for."""
        return cast("Redis", self)


def delivery(body: bytes = b"{}", *, queue: str = "worker.order-created", **headers: object) -> Delivery:
    """Return a delivery with the least headers; `x_attempt=2` is the header `x-attempt`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(
        queue=queue,
        exchange="orders",
        routing_key="order.created.v1",
        body=body,
        message_id="019ab2f0-5c1f-7a01-8b2c-0123456789ab",
        correlation_id="checkout-42",
        headers={"x-attempt": 1, "x-first-published-at": FIRST_PUBLISHED_AT, **given},
        redelivered=False,
    )
