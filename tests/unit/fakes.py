"""Stand-ins for what the services talk to, as small as their tests allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from aio_pika import ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from redis.asyncio import Redis

from services.common.messaging.messages import Delivery

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
FIRST_PUBLISHED_AT = 1_795_426_200_125


@dataclass
class Scripts:
    """Stands for Redis's Lua scripts: answers as told, and remembers the calls."""

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
        """Return all entries, in the shape of RESP3."""
        return {name: [self.entries] for name in streams}

    def as_redis(self) -> Redis:
        """Return itself as the client that it stands for."""
        return cast("Redis", self)


@dataclass
class Channel:
    """Stands for an AMQP channel: remembers what was declared, bound and published."""

    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    bindings: list[tuple[str, str, str]] = field(default_factory=list)
    """Exchange, routing key, queue."""
    published: list[tuple[str, Message]] = field(default_factory=list)
    through: list[str] = field(default_factory=list)
    """The exchanges that messages were published to."""
    failure: Exception | None = None

    async def get_exchange(self, name: str, *, ensure: bool) -> "Exchange":
        """Return an exchange, without asking a broker."""
        assert not ensure
        return Exchange(name, self)

    async def declare_exchange(self, name: str, kind: ExchangeType, **settings: object) -> "Exchange":
        """Note an exchange, unless it is only looked for."""
        if not settings.get("passive"):
            self.exchanges[name] = {"type": kind.value, "durable": settings["durable"]}
        return Exchange(name, self)

    async def declare_queue(self, name: str, *, arguments: dict[str, Any], **_: object) -> "_Queue":
        """Note a queue and its arguments."""
        self.queues[name] = arguments
        return _Queue(name, self.bindings)

    async def publish(self, message: Message, routing_key: str, **_: object) -> None:
        """Note a message, or fail."""
        if self.failure is not None:
            raise self.failure
        self.published.append((routing_key, message))

    def as_amqp(self) -> AbstractChannel:
        """Return itself as the channel that it stands for."""
        return cast("AbstractChannel", self)


@dataclass
class Exchange:
    """Stands for an exchange: what is published to it, its channel remembers."""

    name: str
    channel: Channel

    async def publish(self, message: Message, routing_key: str, **_: object) -> None:
        """Publish through the channel, which notes both."""
        await self.channel.publish(message, routing_key)
        self.channel.through.append(self.name)


@dataclass
class _Queue:
    name: str
    bindings: list[tuple[str, str, str]]

    async def bind(self, exchange: Exchange, key: str, **_: object) -> None:
        self.bindings.append((exchange.name, key, self.name))


@dataclass
class Incoming:
    """Stands for a delivered AMQP message."""

    body: bytes = b"{}"
    headers: dict[str, Any] = field(default_factory=dict)
    message_id: str | None = "019ab2f0-5c1f-7a01-8b2c-0123456789ab"
    correlation_id: str | None = "checkout-42"
    exchange: str | None = "orders"
    routing_key: str | None = "order.created.v1"
    redelivered: bool = False
    content_type: str = "application/json"
    content_encoding: str | None = None
    timestamp: int = 1_795_426_200
    type: str = "order.created.v1"
    app_id: str = "api"

    def as_amqp(self) -> AbstractIncomingMessage:
        """Return itself as the message that it stands for."""
        return cast("AbstractIncomingMessage", self)

    def delivered(self, **properties: object) -> DeliveredMessage:
        """Return it as aiormq would, with these further properties."""
        own = {
            "message_id": self.message_id,
            "correlation_id": self.correlation_id,
            "headers": self.headers,
            "content_type": self.content_type,
            "message_type": self.type,
            "app_id": self.app_id,
        }
        told = Basic.Properties()
        for name, value in {**own, **properties}.items():
            setattr(told, name, value)  # as the decoder does, which checks nothing
        basics = Basic.Deliver("consumer", 7, self.redelivered)
        basics.exchange, basics.routing_key = cast("str", self.exchange), cast("str", self.routing_key)
        header = ContentHeader(0, len(self.body), told)
        return DeliveredMessage(delivery=basics, header=header, body=self.body, channel=cast("Any", None))


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
