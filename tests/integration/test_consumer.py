"""The consumer on a real RabbitMQ: retries, dead letters, redeliveries, an orderly end."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic

import aio_pika
import pamqp.encode
import pytest
from aio_pika.abc import AbstractChannel

from services.common.messaging.connection import BrokerConnection
from services.common.messaging.consumer import Consumer
from services.common.messaging.messages import Delivery, Process, Settlement
from services.common.messaging.topology import Subscription, declare_subscription
from tests.servers import eventually, message_in, publish

SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])


def message(body: bytes = b"{}", **headers: str | int) -> aio_pika.Message:
    """Return a message as the relay would send it."""
    return aio_pika.Message(
        body,
        message_id="m-1",
        correlation_id="c-1",
        headers={"x-attempt": 1, "x-first-published-at": 1, **headers},
    )


@asynccontextmanager
async def consuming(
    broker: BrokerConnection, channel: AbstractChannel, process: Process, prefetch: int = 10
) -> AsyncIterator[Consumer]:
    """Run a consumer while the block runs."""
    await declare_subscription(channel, SUBSCRIPTION)
    consumer = Consumer(broker, SUBSCRIPTION, process, prefetch)
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 10)


def answering(*settlements: Settlement) -> tuple[list[Delivery], Callable[[Delivery], Awaitable[Settlement]]]:
    """Return the deliveries seen so far and a process that settles them one after the other."""
    seen: list[Delivery] = []

    async def process(delivery: Delivery) -> Settlement:
        seen.append(delivery)
        return settlements[min(len(seen), len(settlements)) - 1]

    return seen, process


async def test_a_retry_comes_back_later_with_its_attempt_counted(
    broker: BrokerConnection, channel: AbstractChannel
) -> None:
    """The first retry waits a second and carries the ids, the attempt and the trace of the one before."""
    retry = Settlement("retry", "mail_down", OSError("down"), {"traceparent": "of-attempt-1"})
    seen, process = answering(retry, Settlement("ack", "sent"))
    async with consuming(broker, channel, process):
        began = monotonic()
        await publish(channel, "test.queue", message())
        await eventually(lambda: _seen(seen, 2))
    assert 0.9 < monotonic() - began < 5
    second = seen[1]
    assert (second.attempt, second.message_id, second.correlation_id) == (2, "m-1", "c-1")
    assert second.headers["x-retry-reason"] == "mail_down"
    assert second.headers["traceparent"] == "of-attempt-1"


async def test_a_dead_letter_says_why(broker: BrokerConnection, channel: AbstractChannel) -> None:
    """What was dead-lettered keeps body, ids and trace, and names reason, error, time and queue."""
    dead = Settlement(
        "dead_letter", "malformed_json", ValueError("no JSON"), {"traceparent": "of-this-attempt"}
    )
    _, process = answering(dead)
    async with consuming(broker, channel, process):
        await publish(channel, "test.queue", message(b"not JSON"))
        dead_letter = await message_in(channel, "test.queue.dlq")
    assert (dead_letter.body, dead_letter.message_id, dead_letter.correlation_id) == (
        b"not JSON",
        "m-1",
        "c-1",
    )
    assert dead_letter.headers["x-dead-letter-reason"] == "malformed_json"
    assert dead_letter.headers["x-dead-letter-error"] == "ValueError: no JSON"
    assert dead_letter.headers["x-dead-lettered-from"] == "test.queue"
    assert dead_letter.headers["traceparent"] == "of-this-attempt"


async def test_stopping_finishes_what_is_in_progress_and_takes_no_more(
    broker: BrokerConnection, channel: AbstractChannel
) -> None:
    """Everything that was begun is acknowledged, the rest stays in the queue."""
    begun: list[Delivery] = []
    release = asyncio.Event()

    async def process(delivery: Delivery) -> Settlement:
        begun.append(delivery)
        await release.wait()
        return Settlement("ack", "done")

    async with consuming(broker, channel, process, prefetch=2) as consumer:
        for _ in range(5):
            await publish(channel, "test.queue", message())
        await eventually(lambda: _seen(begun, 2))
        consumer.stop()
        release.set()
    assert len(begun) < 5

    async def rest_is_back() -> bool:  # the broker puts it back once the channel has gone
        queue = await channel.declare_queue("test.queue", passive=True)
        return queue.declaration_result.message_count == 5 - len(begun)

    await eventually(rest_is_back)


async def test_after_a_loss_it_is_soon_as_fast_as_before(
    broker: BrokerConnection, channel: AbstractChannel
) -> None:
    """Deliveries are taken one by one until one was settled; from then on as many at once as ever."""
    in_progress = most = 0

    async def process(_: Delivery) -> Settlement:
        nonlocal in_progress, most
        in_progress += 1
        most = max(most, in_progress)
        await asyncio.sleep(0.2)
        in_progress -= 1
        return Settlement("ack", "done")

    async def all_at_once() -> bool:
        return most >= 10  # one more, if it was under way to the consumer that took one by one

    async with consuming(broker, channel, process) as consumer:
        await eventually(lambda: _consuming(consumer))
        assert broker._connection is not None  # noqa: SLF001 - the test cuts it
        await broker._connection.close()  # noqa: SLF001
        await asyncio.gather(*(publish(channel, "test.queue", message()) for _ in range(40)))
        await eventually(all_at_once)


@pytest.mark.timeout(120)
async def test_a_message_that_nobody_can_decode_takes_no_others_with_it(
    broker: BrokerConnection, channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time stamp breaks the connection over and over; the good messages beside it are all processed."""
    seen, process = answering(Settlement("ack", "done"))
    await declare_subscription(channel, SUBSCRIPTION)
    with monkeypatch.context() as patched:
        patched.setitem(pamqp.encode.METHODS, "timestamp", lambda _: struct.pack(">Q", 2**62))
        await publish(channel, "test.queue", aio_pika.Message(b"poison", timestamp=1))
    for number in range(10):
        await publish(channel, "test.queue", message(str(number).encode()))
    async with consuming(broker, channel, process):
        await eventually(lambda: _all_seen(seen, 10), seconds=90)
        await eventually(lambda: _dead(channel, 1), seconds=60)
    assert await _dead(channel, 1)


async def test_a_message_cannot_multiply_itself(broker: BrokerConnection, channel: AbstractChannel) -> None:
    """CC and BCC, by which RabbitMQ sends further copies, do not survive being dead-lettered."""
    dead = Settlement("dead_letter", "malformed_json", ValueError("no JSON"))
    seen, process = answering(dead)
    async with consuming(broker, channel, process):
        copying = aio_pika.Message(b"x", headers={"CC": ["test.queue"], "BCC": ["test.queue"]})
        await publish(channel, "test.queue", copying)
        dead_letter = await message_in(channel, "test.queue.dlq")
        await asyncio.sleep(0.5)  # time in which copies would come back
    assert "CC" not in dead_letter.headers
    assert len(seen) <= 3  # the original, and one for each of its own headers


async def _all_seen(seen: list[Delivery], count: int) -> bool:
    return len({delivery.body for delivery in seen}) >= count


async def _dead(channel: AbstractChannel, count: int) -> bool:
    queue = await channel.declare_queue("test.queue.dlq", passive=True)
    return (queue.declaration_result.message_count or 0) >= count


async def _seen(things: list[Delivery] | list[bool], count: int) -> bool:
    return len(things) >= count


async def test_a_simulated_outage_looks_like_a_broker_that_is_away(
    broker: BrokerConnection, channel: AbstractChannel
) -> None:
    """The consumer loses its channel, readiness says so, and afterwards it goes on by itself."""
    seen, process = answering(Settlement("ack", "done"))
    async with consuming(broker, channel, process) as consumer:
        await eventually(lambda: _consuming(consumer))
        broker.simulate_outage(active=True)
        await eventually(lambda: _stopped(consumer))
        with pytest.raises(ConnectionError):
            await broker.ping()
        await publish(channel, "test.queue", message())
        await asyncio.sleep(0.5)
        assert not broker.up.is_set()
        broker.simulate_outage(active=False)
        await eventually(lambda: _seen(seen, 1), seconds=15)


async def _stopped(consumer: Consumer) -> bool:
    return not await _consuming(consumer)


async def test_a_queue_of_another_version_is_reported_and_waited_for(
    broker: BrokerConnection, channel: AbstractChannel, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there with other arguments is left alone, the log says what to do, and then all is well."""
    await channel.declare_queue("test.queue.dlq", durable=True, arguments={"x-queue-type": "quorum"})
    seen, process = answering(Settlement("ack", "done"))
    consumer = Consumer(broker, SUBSCRIPTION, process, 1)
    task = asyncio.create_task(consumer.run())
    try:
        line = await eventually(lambda: _printed(capsys, "queue is of another version"))
        assert "test.queue.dlq" in line
        assert "delete the queue" in line
        with pytest.raises(ConnectionError, match="not consuming"):
            await consumer.ping()
        await channel.queue_delete("test.queue.dlq")
        await eventually(lambda: _consuming(consumer))
        await publish(channel, "test.queue", message())
        await eventually(lambda: _seen(seen, 1))
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 10)


async def _printed(capsys: pytest.CaptureFixture[str], what: str) -> str | None:
    lines = capsys.readouterr().out.splitlines()
    return next((line for line in lines if what in line), None)


async def _consuming(consumer: Consumer) -> bool:
    with suppress(ConnectionError):
        await consumer.ping()
        return True
    return False
