"""What takes a broker that is away, or somebody else's queue, to be logged."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from redis.exceptions import RedisError

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.dead_letters import DeadLetters
from services.common.messaging.messages import Outgoing
from services.common.messaging.topology import Subscription, TopologyConflictError
from services.common.outbox.relay import MAX_TRIES, Relay
from tests.unit.fake_broker import HEADERS, FakeBroker, FakeChannel, delivered
from tests.unit.rare_lines import Emit, failing

WORK = Subscription("worker.order-created", [])
GONE = ConnectionError("gone")
DEAD_LETTERS = f"{WORK.queue}.dlq"


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
        yield cast("Any", FakeChannel())


@dataclass
class Waiting:
    """Stands for an outbox in which one event waits."""

    async def prepare(self) -> None:
        """Find that Redis is gone."""
        raise RedisError("gone")

    async def read_pending(self, _: str, *, count: int) -> list[Outgoing]:
        """Return what waits."""
        return [Outgoing("1-1", "orders", "order.created.v1", "m", "c", b"{}", {"traceparent": str(count)})]


def consumer(error: Exception, *tasks: "asyncio.Task[None]") -> Consumer:
    """Return a consumer whose broker fails, and whose deliveries do."""
    broker = cast("BrokerConnection", Away(error))
    return Consumer(broker, WORK, failing(error), prefetch=1, _tasks=set(tasks))


def relay(error: Exception | None) -> Relay:
    """Return a relay whose messages are not confirmed, if it gets that far."""

    async def publish(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        return [GONE for _ in messages]

    outbox: Any = Waiting()
    return Relay(outbox, cast("BrokerConnection", Away(error)), "api", "api-1", lambda _: publish)


async def unsettled() -> None:
    """Take a delivery whose processing meets a lost connection."""
    broker = FakeBroker()
    broker.put(b"{}")
    await Consumer(broker.as_connection(), WORK, failing(GONE), prefetch=1).run()


async def ended_while_busy() -> None:
    """End a consumer that does not get done."""
    busy = asyncio.create_task(asyncio.sleep(60))
    async with consuming(Lifetime(), consumer(GONE, busy), deadline=0.01):
        pass
    busy.cancel()


async def skipped() -> None:
    """Relay an event over which every channel breaks."""

    async def publish(_: object) -> list[BaseException | None]:
        return [GONE]

    one = relay(None)
    for _ in range(MAX_TRIES + 1):
        with suppress(ConnectionError):
            await one._send_pending(publish)  # noqa: SLF001 - what a relay begins with


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
        await BrokerConnection("amqp://u:p@node:1/", "test").keep_connected()

    return run


def broken_off(what: str) -> Emit:
    """Return what handles two dead letters, and loses the broker after the first."""
    broker, ends = FakeBroker(), iter([None, GONE])
    headers = {**HEADERS, "x-dead-letter-reason": "timeout"}
    broker.waiting.extend(delivered(b"%d" % number, {"headers": headers}) for number in range(2))
    dead_letters = DeadLetters(broker.as_connection(), [DEAD_LETTERS], lambda publish: publish, print)

    async def act(*_: object) -> None:
        if (error := next(ends)) is not None:
            raise error

    async def run() -> None:
        await dead_letters._handle(DEAD_LETTERS, None, what, act)  # noqa: SLF001 - what replaying and discarding share

    return run


def rare(monkeypatch: pytest.MonkeyPatch) -> dict[str, Emit]:
    """Return what brings each line about."""
    nowhere = BrokerConnection("amqp://u:p@127.0.0.1:1/", "test")
    return {
        "dead letter not replayed": broken_off("replayed"),
        "dead letter not discarded": broken_off("discarded"),
        "consumer interrupted": consumer(GONE).run,
        "queue is of another version": consumer(TopologyConflictError("inequivalent arg")).run,
        "delivery not settled": unsettled,
        "unfinished deliveries requeued": ended_while_busy,
        "rabbitmq connection lost": lost(monkeypatch),
        "rabbitmq connection failed": nowhere.keep_connected,
        "outbox relay interrupted": relay(None).run,
        "outbox not drained": relay(GONE).drain,
        "publish failed": relay(None).drain,
        "event skipped: the channel closes over it": skipped,
    }
