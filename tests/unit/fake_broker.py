"""A broker in memory: one queue as a consumer sees it, and channels that can be lost."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, cast

from aio_pika import ExchangeType
from aio_pika.exceptions import ChannelInvalidStateError
from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.header import ContentHeader

from services.common.messaging.connection import BrokerConnection
from services.common.messaging.properties import Properties
from tests.unit.fakes import FIRST_PUBLISHED_AT

HEADERS = {"x-attempt": 1, "x-first-published-at": FIRST_PUBLISHED_AT}
POISON = b"what no client library can decode"


class Published(NamedTuple):
    """What was published, and where to."""

    exchange: str
    routing_key: str
    body: bytes
    properties: Properties


@dataclass
class FakeBroker:
    """Stands for the connection and the broker behind it."""

    waiting: deque[DeliveredMessage] = field(default_factory=deque)
    acknowledged: list[bytes] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    poisoned_beside: list[int] = field(default_factory=list)
    """For each time that poison was delivered: how many other deliveries were unsettled on its channel."""
    unsettled_at_close: list[int] = field(default_factory=list)
    """For each channel that closed: how many deliveries the broker had to requeue by itself."""
    open_error: Exception | None = None
    declare_error: Exception | None = None
    close_seconds: float = 0
    """How long closing a channel takes."""
    channels: list["FakeChannel"] = field(default_factory=list)
    """In the order in which they were opened."""
    tags: Iterator[int] = field(default_factory=lambda: count(1))
    up: asyncio.Event = field(default_factory=asyncio.Event)
    writable: asyncio.Event = field(default_factory=asyncio.Event)
    on_publish: Callable[[Published], Awaitable[None]] = field(default=lambda _: asyncio.sleep(0))

    def as_connection(self) -> BrokerConnection:
        """Return itself as the connection that it stands for; it is up from now on."""
        self.up.set()
        self.writable.set()
        return cast("BrokerConnection", self)

    @asynccontextmanager
    async def channel(self) -> AsyncIterator["FakeChannel"]:
        """Open a channel; what is unsettled when it closes is requeued."""
        if self.open_error is not None or not self.writable.is_set():
            raise self.open_error or ConnectionError("not connected, or blocked")
        channel = FakeChannel(self)
        self.channels.append(channel)
        try:
            yield channel
        finally:
            await asyncio.sleep(self.close_seconds)
            if not channel.closed:
                channel.lose()

    def put(self, *bodies: bytes) -> None:
        self.waiting.extend(delivered(body) for body in bodies)
        if self.channels:
            self.channels[-1].deliver()

    def requeue(self, message: DeliveredMessage) -> None:
        """Put a message before all others, as one that was delivered before."""
        cast("Any", message.delivery).redelivered = True
        self.waiting.appendleft(message)


@dataclass
class FakeChannel:
    """Stands for aio-pika's channel, and for aiormq's below it."""

    broker: FakeBroker = field(default_factory=FakeBroker)
    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    bindings: list[tuple[str, str, str]] = field(default_factory=list)
    """Exchange, routing key, queue."""
    close_callbacks: set[Callable[..., object]] = field(default_factory=set)
    on_consumer_cancel_callbacks: set[Callable[..., object]] = field(default_factory=set)
    unsettled: dict[int, DeliveredMessage] = field(default_factory=dict)
    consumer: Callable[[DeliveredMessage], Awaitable[None]] | None = None
    prefetch: int = 0
    closed: bool = False

    async def get_underlay_channel(self) -> Any:  # noqa: ANN401 - stands for another class
        return self

    async def declare_exchange(self, name: str, kind: ExchangeType, **settings: object) -> "_Named":
        """Note an exchange, unless it is only looked for."""
        if self.broker.declare_error is not None:
            raise self.broker.declare_error
        if not settings.get("passive"):
            self.exchanges[name] = {"type": kind.value, "durable": settings["durable"]}
        return _Named(name, self)

    async def declare_queue(
        self, name: str, *, arguments: dict[str, Any] | None = None, **_: object
    ) -> "_Named":
        """Note a queue and its arguments."""
        self.queues[name] = arguments or {}
        return _Named(name, self)

    async def queue_delete(self, name: str) -> None:
        self.queues.pop(name, None)

    async def basic_qos(self, *, prefetch_count: int, **_: object) -> None:
        """Note how many unsettled deliveries there may be."""
        self.prefetch = prefetch_count

    async def basic_consume(self, _: str, callback: Any, **__: object) -> spec.Basic.ConsumeOk:  # noqa: ANN401
        self.consumer = callback
        self.deliver()
        return spec.Basic.ConsumeOk("consumer")

    async def basic_cancel(self, _: str, **__: object) -> None:
        self.consumer = None

    async def basic_get(self, _: str, **__: object) -> DeliveredMessage:
        if not self.broker.waiting:
            return DeliveredMessage(spec.Basic.GetEmpty(), ContentHeader(), b"", cast("Any", None))
        if (message := self._next()) is None:
            raise ConnectionError("the connection was closed over it")
        return message

    async def basic_ack(self, tag: int, *, wait: bool = True) -> None:
        del wait
        self._check_open()
        self.broker.acknowledged.append(self.unsettled.pop(tag).body)
        self.deliver()

    async def basic_nack(self, tag: int, *, requeue: bool, wait: bool) -> None:
        assert requeue
        assert not wait
        self._check_open()
        self.broker.requeue(self.unsettled.pop(tag))
        self.deliver()

    async def basic_publish(
        self, body: bytes, *, exchange: str, routing_key: str, properties: Properties, **_: object
    ) -> None:
        """Confirm a message, or fail as the test says."""
        self._check_open()
        properties.marshal()  # as a frame: raises for what AMQP has no form for
        published = Published(exchange, routing_key, body, properties)
        await self.broker.on_publish(published)
        self.broker.published.append(published)

    def deliver(self) -> None:
        while self.consumer and self.broker.waiting and len(self.unsettled) < self.prefetch:
            if (message := self._next()) is not None:
                asyncio.get_running_loop().create_task(cast("Any", self.consumer(message)))

    def _next(self) -> DeliveredMessage | None:
        """Return the next message; over poison the channel is lost."""
        message = self.broker.waiting.popleft()
        tag = next(self.broker.tags)
        cast("Any", message.delivery).delivery_tag = tag
        self.unsettled[tag] = message
        if message.body != POISON:
            return message
        self.broker.poisoned_beside.append(len(self.unsettled) - 1)
        self.lose()
        return None

    def lose(self) -> None:
        """Close; what is unsettled is requeued, before what waits."""
        self.closed, self.consumer = True, None
        self.broker.unsettled_at_close.append(len(self.unsettled))
        for tag in reversed(self.unsettled):
            self.broker.requeue(self.unsettled[tag])
        self.unsettled.clear()
        for callback in list(self.close_callbacks):
            callback(self, None)

    def _check_open(self) -> None:
        if self.closed:
            raise ChannelInvalidStateError("closed")


@dataclass
class _Named:
    name: str
    channel: FakeChannel

    @property
    def declaration_result(self) -> spec.Queue.DeclareOk:
        return spec.Queue.DeclareOk(self.name, len(self.channel.broker.waiting), 0)

    async def bind(self, exchange: "_Named", key: str, **_: object) -> None:
        self.channel.bindings.append((exchange.name, key, self.name))


def delivered(
    body: bytes = b"{}", properties: Mapping[str, object] | None = None, *, redelivered: bool = False
) -> DeliveredMessage:
    """Return a delivery as aiormq has it, with these properties instead of an event's."""
    known = {
        "message_id": "019ab2f0-5c1f-7a01-8b2c-0123456789ab",
        "correlation_id": "checkout-42",
        "content_type": "application/json",
        "message_type": "order.created.v1",
        "app_id": "api",
        "headers": {**HEADERS},
    }
    found = Properties()
    for name, value in {**known, **(properties or {})}.items():
        setattr(found, name, value)  # as the decoder does, which checks nothing
    deliver = spec.Basic.Deliver("consumer", 7, redelivered, "orders", "order.created.v1")
    return DeliveredMessage(deliver, ContentHeader(0, len(body), found), body, cast("Any", None))
