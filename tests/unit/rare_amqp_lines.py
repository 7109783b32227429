"""What takes a broker that is away, or somebody else's queue, to be logged."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast
from unittest.mock import AsyncMock

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from redis.exceptions import RedisError

from services.common.lifecycle import Lifetime
from services.common.messaging import dead_letters
from services.common.messaging.connection import Broker
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.dead_letter import dead_letter
from services.common.messaging.dead_letters import DeadLetters
from services.common.messaging.deliveries import Acknowledger, Link
from services.common.messaging.messages import Outgoing
from services.common.messaging.topology import Subscription, TopologyConflictError
from services.common.outbox.relay import TRIES, Relay
from tests.unit.fakes import Channel, Incoming
from tests.unit.rare_lines import Emit, failing

WORK = Subscription("worker.order-created", [])
GONE = ConnectionError("gone")
LETTERS = f"{WORK.queue}.dlq"


@dataclass
class Away:
    """Stands for a broker that seems to be there."""

    error: Exception | None = GONE
    connected: bool = True
    up: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Seem to be there."""
        self.up.set()

    async def ping(self) -> None:
        """Find nothing wrong."""

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Fail, or yield a channel."""
        if self.error is not None:
            raise self.error
        yield Channel().as_amqp()


@dataclass
class Waiting:
    """Stands for an outbox in which one event waits."""

    async def prepare(self) -> None:
        """Find that Redis is gone."""
        raise RedisError("gone")

    async def take_back(self, _: str, *, count: int) -> list[Outgoing]:
        """Return what waits."""
        return [Outgoing("1-1", "orders", "order.created.v1", "m", "c", b"{}", {"traceparent": str(count)})]


def consumer(error: Exception, *tasks: "asyncio.Task[None]") -> Consumer:
    """Return a consumer whose broker fails, and whose deliveries do."""
    broker = cast("Broker", Away(error))
    return Consumer(broker, WORK, failing(error), prefetch=1, _tasks=set(tasks))


def relay(error: Exception | None) -> Relay:
    """Return a relay whose messages are not confirmed, if it gets that far."""

    async def publish(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        return [GONE for _ in messages]

    outbox: Any = Waiting()
    return Relay(outbox, cast("Broker", Away(error)), "api", "api-1", lambda _: publish)


async def unsettled() -> None:
    """Take a delivery whose processing meets a lost connection."""
    gone: Any = AsyncMock(side_effect=GONE)
    link = Link(Channel().as_amqp(), gone, Acknowledger(gone), asyncio.Event())
    await consumer(GONE)._work(link, Incoming().delivered())  # noqa: SLF001 - what aiormq would call


async def ended_while_busy() -> None:
    """End a consumer that does not get done."""
    busy = asyncio.create_task(asyncio.sleep(60))
    async with consuming(Lifetime(), consumer(GONE, busy), deadline=0.01):
        pass
    busy.cancel()


async def put_off() -> None:
    """Relay an event over which every channel breaks."""

    async def publish(_: object) -> list[BaseException | None]:
        return [GONE]

    one = relay(None)
    for _ in range(TRIES + 1):
        with suppress(ConnectionError):
            await one._resend(publish)  # noqa: SLF001 - what a relay begins with


def lost(monkeypatch: pytest.MonkeyPatch) -> Emit:
    """Return what connects, and is cut off at once."""

    class Callbacks:
        def add(self, told: Any) -> None:  # noqa: ANN401 - a callback
            told()

    async def connect(*_: object, **__: object) -> Any:  # noqa: ANN401 - stands for a connection
        async def close() -> None: ...

        return type("Connection", (), {"close_callbacks": Callbacks(), "close": staticmethod(close)})

    async def run() -> None:
        monkeypatch.setattr(aio_pika, "connect", connect)
        await Broker("amqp://u:p@node:1/", "test").keep_connected()

    return run


def broken_off(monkeypatch: pytest.MonkeyPatch, what: str) -> Emit:
    """Return what handles two dead letters, and loses the broker after the first."""
    letters = DeadLetters(cast("Broker", Away(None)), [LETTERS], lambda publish: publish, print)
    ends = iter([None, GONE])

    async def look(*_arguments: object) -> Any:  # noqa: ANN401 - messages and letters
        for _ in range(2):
            message = Incoming(headers={"x-dead-letter-reason": "timeout"}).as_amqp()
            yield message, dead_letter(message, LETTERS)

    async def act(*_: object) -> None:
        if (error := next(ends)) is not None:
            raise error

    @asynccontextmanager
    async def browsing(*_: object) -> AsyncIterator[tuple[AbstractChannel, int]]:
        yield Channel().as_amqp(), 2

    async def run() -> None:
        monkeypatch.setattr(dead_letters, "_look", look)
        monkeypatch.setattr(DeadLetters, "_browsing", browsing)
        await letters._handle(LETTERS, None, what, act)  # noqa: SLF001 - what replaying and discarding share

    return run


def rare(monkeypatch: pytest.MonkeyPatch) -> dict[str, Emit]:
    """Return what brings each line about."""
    nowhere = Broker("amqp://u:p@127.0.0.1:1/", "test")
    return {
        "dead letter not replayed": broken_off(monkeypatch, "replayed"),
        "dead letter not discarded": broken_off(monkeypatch, "discarded"),
        "consumer interrupted": consumer(GONE).run,
        "queue is of another version": consumer(TopologyConflictError("inequivalent arg")).run,
        "delivery not settled": unsettled,
        "work in hand given back": ended_while_busy,
        "rabbitmq connection lost": lost(monkeypatch),
        "rabbitmq connection failed": nowhere.keep_connected,
        "outbox relay interrupted": relay(None).run,
        "outbox not drained": relay(GONE).drain,
        "publish failed": relay(None).drain,
        "event put off: the channel breaks over it": put_off,
    }
