"""What takes a broker that is away, or somebody else's queue, to be logged."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import ChannelPreconditionFailed
from redis.exceptions import RedisError

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.dead_letters import DeadLetters
from services.common.messaging.messages import Outgoing
from services.common.messaging.topology import Subscription
from services.common.outbox.relay import MAX_TRIES, Relay
from tests.unit.fake_broker import HEADERS, FakeBroker, delivered
from tests.unit.rare_lines import Emit, failing
from tests.unit.test_common_connection import Connection

WORK = Subscription("worker.order-created", [])
GONE = ConnectionError("gone")
CONFLICT = ChannelPreconditionFailed("inequivalent arg")
DEAD_LETTERS = f"{WORK.queue}.dlq"


class Waiting:
    """Stands for an outbox in which one event waits."""

    async def prepare(self) -> None:
        raise RedisError("gone")

    async def read_pending(self, _: str, count: int) -> list[Outgoing]:
        return [Outgoing("1-1", "orders", "order.created.v1", "m", "c", b"{}", {"traceparent": str(count)})]


def consumer(broker: FakeBroker, *tasks: "asyncio.Task[None]") -> Consumer:
    """Return a consumer whose deliveries fail."""
    connection = broker.as_connection()
    return Consumer(connection, connection, WORK, failing(GONE), prefetch=1, _tasks=set(tasks))


def relay(error: Exception | None = None) -> Relay:
    """Return a relay whose channel cannot be opened, or whose messages are not confirmed."""
    outbox: Any = Waiting()
    broker = FakeBroker(open_error=error).as_connection()
    return Relay(outbox, broker, "api", "api-1", lambda _: refused)


async def refused(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
    """Lose the broker while publishing."""
    return [GONE for _ in messages]


async def ended_while_busy() -> None:
    """End a consumer that does not get done."""
    busy = asyncio.create_task(asyncio.sleep(60))
    async with consuming(Lifetime(), consumer(FakeBroker(), busy), deadline=0.01):
        pass
    busy.cancel()


async def skipped() -> None:
    """Relay an event over which every channel breaks."""
    one = relay()
    for _ in range(MAX_TRIES + 1):
        with suppress(ConnectionError):
            await one._send_pending(refused)  # noqa: SLF001 - what a relay begins with


def lost(monkeypatch: pytest.MonkeyPatch) -> Emit:
    """Return what connects, and is cut off at once."""

    async def connect(*_: object, **__: object) -> Connection:
        connection = Connection()
        asyncio.get_running_loop().call_soon(connection.lose)
        return connection

    async def run() -> None:
        monkeypatch.setattr(aio_pika, "connect", connect)
        await BrokerConnection("amqp://u:p@node:1/", "test").keep_connected()

    return run


def broken_off(what: str) -> Emit:
    """Return what handles two dead letters, and loses the broker after the first."""
    broker, ends = FakeBroker(), iter([None, GONE])
    headers = {**HEADERS, "x-dead-letter-reason": "timeout"}
    broker.waiting.extend(delivered(b"%d" % number, {"headers": headers}) for number in range(2))
    connection = broker.as_connection()
    dead_letters = DeadLetters(connection, connection, [DEAD_LETTERS], lambda publish: publish, print)

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
        "consumer interrupted": consumer(FakeBroker(open_error=GONE)).run,
        "queue is of another version": consumer(FakeBroker(declare_error=CONFLICT)).run,
        "delivery not settled": consumer(FakeBroker(deque([delivered()]))).run,
        "unfinished deliveries requeued": ended_while_busy,
        "rabbitmq connection lost": lost(monkeypatch),
        "rabbitmq connection failed": nowhere.keep_connected,
        "outbox relay interrupted": relay().run,
        "outbox not drained": relay(GONE).drain,
        "publish failed": relay().drain,
        "event skipped: the channel closes over it": skipped,
    }
