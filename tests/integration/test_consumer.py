"""The consumer on a real RabbitMQ; its rules are held on a broker in memory (tests/unit)."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

import aio_pika
import httpx2
import pamqp.encode
import pytest
from aio_pika.abc import AbstractChannel
from structlog.testing import capture_logs

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.consumer import Consumer
from services.common.messaging.messages import Delivery, Process, Settlement
from services.common.messaging.topology import Subscription, declare_subscription
from stack.servers import rabbitmq, users
from tests.integration.conftest import MemoryAlarm
from tests.running import Endpoints
from tests.servers import eventually, message_in, publish

SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
QUEUE, DEAD = SUBSCRIPTION.queue, SUBSCRIPTION.dead_letter_queue
ACK = Settlement("ack", "done")


class Scripted:
    """Settles deliveries as the test says, the last settlement from then on; remembers them."""

    def __init__(self, *settlements: Settlement) -> None:
        """Settle the first delivery by the first settlement."""
        self.settlements = settlements
        self.seen: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> Settlement:
        """Settle a delivery."""
        self.seen.append(delivery)
        return self.settlements[min(len(self.seen), len(self.settlements)) - 1]


@asynccontextmanager
async def consuming(
    broker: BrokerConnection, outgoing: BrokerConnection, process: Process
) -> AsyncIterator[Consumer]:
    """Run a consumer while the block runs."""
    consumer = Consumer(broker, outgoing, SUBSCRIPTION, process, 10)
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 10)


def message(body: bytes = b"{}") -> aio_pika.Message:
    """Return a message as the relay would send it."""
    headers: dict[str, str | int] = {"x-attempt": 1, "x-first-published-at": 1}
    return aio_pika.Message(body, message_id="m-1", correlation_id="c-1", headers=headers)  # type: ignore[arg-type]


async def ready(consumer: Consumer) -> bool:
    """Whether the consumer says that it consumes."""
    with suppress(ConnectionError):
        await consumer.ping()
        return True
    return False


async def test_a_retry_comes_back_later_and_a_dead_letter_says_why(
    broker: BrokerConnection, outgoing: BrokerConnection, channel: AbstractChannel
) -> None:
    """The first retry waits a second; each copy keeps body and ids, and names attempt and trace."""
    await declare_subscription(channel, SUBSCRIPTION)
    retry = Settlement("retry", "mail_down", OSError("down"), {"traceparent": "of-attempt-1"})
    dead = Settlement("dead_letter", "refused", ValueError("no JSON"), {"traceparent": "of-attempt-2"})
    process = Scripted(retry, dead)
    async with consuming(broker, outgoing, process):
        began = monotonic()
        await publish(channel, QUEUE, message(b"a body"))
        dead_letter = await message_in(channel, DEAD)
    assert 0.9 < monotonic() - began < 5
    second = process.seen[1]
    assert (second.attempt, second.message_id, second.correlation_id) == (2, "m-1", "c-1")
    assert (second.headers["x-retry-reason"], second.headers["traceparent"]) == ("mail_down", "of-attempt-1")
    assert (dead_letter.body, dead_letter.message_id, dead_letter.correlation_id) == (b"a body", "m-1", "c-1")
    assert dead_letter.headers["x-dead-letter-reason"] == "refused"
    assert dead_letter.headers["x-dead-letter-error"] == "ValueError: no JSON"
    assert dead_letter.headers["x-dead-lettered-from"] == QUEUE
    assert dead_letter.headers["traceparent"] == "of-attempt-2"


@pytest.mark.timeout(120)
async def test_one_retry_in_a_memory_alarm_stops_nobody_else(
    broker: BrokerConnection,
    outgoing: BrokerConnection,
    channel: AbstractChannel,
    memory_alarm: MemoryAlarm,
) -> None:
    """RabbitMQ then reads nothing from who publishes; all but the one to be retried are done meanwhile."""
    await declare_subscription(channel, SUBSCRIPTION)
    for number in range(151):
        await publish(channel, QUEUE, message(str(number).encode()))
    done = set[bytes]()

    async def process(delivery: Delivery) -> Settlement:
        if delivery.body == b"7" and delivery.attempt == 1:
            return Settlement("retry", "payment_unavailable", OSError())
        done.add(delivery.body)
        return ACK

    async with memory_alarm(), consuming(broker, outgoing, process):
        await eventually(lambda: len(done) == 150, seconds=30)
        await eventually(lambda: outgoing.blocked)
        assert b"7" not in done
        assert not broker.blocked
    async with consuming(broker, outgoing, process):
        await eventually(lambda: len(done) == 151, seconds=20)


@pytest.mark.timeout(120)
async def test_a_message_that_nobody_can_decode_takes_no_others_with_it(
    broker: BrokerConnection,
    outgoing: BrokerConnection,
    channel: AbstractChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its time stamp breaks the connection over and over; the good messages beside it are all processed."""
    process = Scripted(ACK)
    await declare_subscription(channel, SUBSCRIPTION)
    with monkeypatch.context() as patched:
        patched.setitem(pamqp.encode.METHODS, "timestamp", lambda _: struct.pack(">Q", 2**62))
        await publish(channel, QUEUE, aio_pika.Message(b"poison", timestamp=1))
    for number in range(10):
        await publish(channel, QUEUE, message(str(number).encode()))

    async def poison_is_dead_lettered() -> bool:
        return bool((await channel.declare_queue(DEAD, passive=True)).declaration_result.message_count)

    async with consuming(broker, outgoing, process):
        await eventually(lambda: len({delivery.body for delivery in process.seen}) >= 10, seconds=90)
        await eventually(poison_is_dead_lettered, seconds=60)


async def test_a_simulated_outage_looks_like_a_broker_that_is_away(
    broker: BrokerConnection, outgoing: BrokerConnection, channel: AbstractChannel
) -> None:
    """The consumer loses its channel, readiness says so, and afterwards it goes on by itself."""
    process = Scripted(ACK)
    async with consuming(broker, outgoing, process) as consumer:
        await eventually(lambda: ready(consumer))
        broker.simulate_outage(active=True)
        await eventually(lambda: not broker.up.is_set())
        for service in (broker, consumer):
            with pytest.raises(ConnectionError):
                await service.ping()
        await publish(channel, QUEUE, message())
        broker.simulate_outage(active=False)
        await eventually(lambda: process.seen, seconds=15)


async def test_a_queue_of_another_version_is_reported_and_waited_for(
    broker: BrokerConnection,
    outgoing: BrokerConnection,
    channel: AbstractChannel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is there with other arguments is left alone, the log says what to do, and then all is well."""
    await channel.declare_queue(DEAD, durable=True, arguments={"x-queue-type": "quorum"})

    def reported() -> str | None:
        lines = capsys.readouterr().out.splitlines()
        return next((line for line in lines if "queue is of another version" in line), None)

    async with consuming(broker, outgoing, Scripted(ACK)) as consumer:
        line = await eventually(reported)
        assert DEAD in line
        assert "delete the queue" in line
        assert not await ready(consumer)
        await channel.queue_delete(DEAD)
        await eventually(lambda: ready(consumer))


async def test_the_reason_of_a_refused_connection_is_logged(amqp: str, servers: Endpoints) -> None:
    """In the broker's words: there is no such virtual host, the password is wrong, there are too many."""
    limit = f"{servers['management']}/api/vhost-limits/{amqp.rpartition('/')[2]}/max-connections"
    auth = rabbitmq.ADMINISTRATOR, users.PASSWORD
    httpx2.put(limit, json={"value": 0}, auth=auth, trust_env=False).raise_for_status()
    wrong = re.sub(":[^:]+@", ":wrong@", amqp)
    for address, reason in (f"{amqp}-not", "not found"), (wrong, "refused"), (amqp, "connection limit"):
        refused = BrokerConnection(address, "refused")
        with capture_logs() as logs:
            async with Lifetime().background(refused.keep_connected(), "refused"):
                await eventually(lambda: logs)
        assert reason in logs[0]["error"]
        assert " object at 0x" not in logs[0]["error"]
