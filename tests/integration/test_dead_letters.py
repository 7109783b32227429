"""Working through dead letters on a real RabbitMQ: nothing is lost, nothing is shown or replayed twice."""

import asyncio
from collections.abc import Sequence

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection
from services.common.messaging.dead_letter import DeadLetter
from services.common.messaging.dead_letters import DeadLetters, OperatorBusyError, UnknownQueueError
from services.common.messaging.messages import Outgoing, PublishBatch
from services.common.messaging.topology import Subscription, declare_subscription
from tests.integration.conftest import MemoryAlarm, connected
from tests.servers import eventually, message_in, publish

SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
QUEUE = SUBSCRIPTION.dead_letter_queue


async def all_of(operator: DeadLetters) -> list[DeadLetter]:
    """Return what is in the queue, in order."""
    return (await operator.page(QUEUE, offset=0, limit=100))[1]


async def bodies(operator: DeadLetters) -> list[bytes]:
    """Return the bodies of what is in the queue, in order."""
    return [dead_letter.delivery.body for dead_letter in await all_of(operator)]


def traced(publish: PublishBatch) -> PublishBatch:
    """Let each replay carry a new trace context on."""

    async def instrumented(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        for message in messages:
            message.headers["traceparent"] = "of-the-replay"
        return await publish(messages)

    return instrumented


def dead(number: int, **headers: str | int) -> aio_pika.Message:
    """Return a dead letter."""
    why = {"x-dead-letter-reason": "mail_down", "x-dead-letter-error": "OSError: down"}
    when = {"x-dead-lettered-at": 1, "x-attempt": 4, "x-first-published-at": 1}
    return aio_pika.Message(
        str(number).encode(),
        message_id=f"m-{number}",
        correlation_id=f"c-{number}",
        type="test.happened.v1",
        content_type="application/json",
        headers={"x-retry-reason": "mail_down", **why, **when, **headers},
    )


@pytest.fixture
def noted() -> list[str]:
    """Return what was noted of the operator's work."""
    return []


@pytest.fixture
async def operator(
    broker: BrokerConnection, outgoing: BrokerConnection, channel: AbstractChannel, noted: list[str]
) -> DeadLetters:
    """Return an operator with three dead letters to work through."""
    await declare_subscription(channel, SUBSCRIPTION)
    for number in range(3):
        await publish(channel, QUEUE, dead(number))
    return DeadLetters(broker, outgoing, [QUEUE], traced, noted.append)


async def test_looking_changes_nothing(operator: DeadLetters) -> None:
    """However often one looks, also at once: the same dead letters, with the same ids, in the same order."""
    looks = [await operator.page(QUEUE, offset=0, limit=100) for _ in range(25)]
    looks += await asyncio.gather(*(operator.page(QUEUE, offset=0, limit=10) for _ in range(5)))
    assert all(count == 3 for count, _ in looks)
    assert {tuple(one.delivery.body for one in found) for _, found in looks} == {(b"0", b"1", b"2")}
    assert len({one.id for _, found in looks for one in found}) == 3


async def test_a_dead_letter_says_why_it_is_one(operator: DeadLetters) -> None:
    """Reason, error, attempts and ids are there; an id finds its dead letter, and pages do not overlap."""
    count, [second] = await operator.page(QUEUE, offset=1, limit=1)
    delivery = second.delivery
    assert (count, second.reason, second.error) == (3, "mail_down", "OSError: down")
    assert second.dead_lettered_at == 1
    assert (delivery.attempt, delivery.message_id, delivery.correlation_id) == (4, "m-1", "c-1")
    found = await operator.find(QUEUE, second.id)
    assert found is not None
    assert found.delivery.body == delivery.body == b"1"
    assert await operator.find(QUEUE, "0" * 32) is None


async def test_a_replay_keeps_the_ids_and_begins_its_attempts_anew(
    operator: DeadLetters, channel: AbstractChannel, noted: list[str]
) -> None:
    """The copy has the dead letter's ids and type, the replay's trace, and none of the dead letter's past."""
    [_, second, _] = await all_of(operator)
    assert await operator.replay(QUEUE, second.id) == (1, 2)
    copy = await message_in(channel, "test.queue")
    assert (copy.body, copy.message_id, copy.correlation_id) == (b"1", "m-1", "c-1")
    assert (copy.type, copy.content_type) == ("test.happened.v1", "application/json")
    assert (copy.headers["x-attempt"], copy.headers["x-replays"]) == (1, 1)
    assert copy.headers["traceparent"] == "of-the-replay"
    assert not [name for name in copy.headers if name.startswith(("x-dead-letter", "x-retry"))]
    assert sorted(await bodies(operator)) == [b"0", b"2"]
    assert noted == ["replayed"]


async def test_all_are_replayed_once_even_if_they_come_back(
    operator: DeadLetters, channel: AbstractChannel
) -> None:
    """Dead letters that are dead-lettered again at once are not sent in circles."""

    async def dead_letter_again() -> None:
        for _ in range(3):
            copy = await message_in(channel, "test.queue")
            await publish(channel, QUEUE, dead(int(copy.body), **{"x-replays": 1}))

    again = asyncio.create_task(dead_letter_again())
    assert (await operator.replay(QUEUE))[0] == 3
    await again
    assert sorted(await bodies(operator)) == [b"0", b"1", b"2"]
    assert {one.replays for one in await all_of(operator)} == {1}


async def test_discarding_takes_the_one_or_all(operator: DeadLetters) -> None:
    """What is discarded is gone, the rest stays."""
    first, *_ = await all_of(operator)
    assert await operator.discard(QUEUE, first.id) == (1, 2)
    assert await operator.discard(QUEUE, first.id) == (0, 2)
    assert await bodies(operator) == [b"1", b"2"]
    assert await operator.discard(QUEUE) == (2, 0)
    assert await bodies(operator) == []


async def test_a_replay_that_cannot_be_delivered_leaves_the_dead_letter(
    operator: DeadLetters, channel: AbstractChannel, noted: list[str]
) -> None:
    """A dead letter whose queue is gone stays where it is, and the operator hears of it."""
    await channel.queue_delete("test.queue")
    first, *_ = await all_of(operator)
    with pytest.raises(BROKER_ERRORS):
        await operator.replay(QUEUE, first.id)
    assert sorted(await bodies(operator)) == [b"0", b"1", b"2"]
    assert noted == []


@pytest.mark.timeout(120)
async def test_a_memory_alarm_stops_replays_alone(
    operator: DeadLetters, outgoing: BrokerConnection, channel: AbstractChannel, memory_alarm: MemoryAlarm
) -> None:
    """Operators go on looking and discarding, no lock is left behind, and afterwards replays go out again."""
    first, *_ = await all_of(operator)
    async with memory_alarm():
        with pytest.raises(BROKER_ERRORS):
            await operator.replay(QUEUE, first.id)
        await eventually(lambda: outgoing.blocked)
        with pytest.raises(BROKER_ERRORS, match="lacks memory"):
            await operator.replay(QUEUE)
        assert sorted(await bodies(operator)) == [b"0", b"1", b"2"]
        assert await operator.discard(QUEUE, first.id) == (1, 2)
    await outgoing.writable.wait()
    assert await operator.replay(QUEUE) == (2, 0)
    # The one that seemed to have failed went out, too, once the broker read it.
    assert {(await message_in(channel, "test.queue")).body for _ in range(3)} == {b"0", b"1", b"2"}


async def test_one_operator_at_a_time(operator: DeadLetters, amqp: str) -> None:
    """Another process is asked to come again, rather than shown an empty queue; then all is there for it."""
    async with connected(amqp) as connection:
        other = DeadLetters(connection, connection, [QUEUE], traced, print)
        async with operator._locked(QUEUE):  # noqa: SLF001 - as long as the test wants
            with pytest.raises(OperatorBusyError):
                await all_of(other)
        assert await bodies(other) == [b"0", b"1", b"2"]


@pytest.mark.usefixtures("amqp")  # a virtual host without queues
async def test_a_queue_that_nobody_declared_is_unknown(
    broker: BrokerConnection, outgoing: BrokerConnection
) -> None:
    """It has no dead letters to count, and none to look at."""
    operator = DeadLetters(broker, outgoing, [QUEUE], traced, print)
    assert await operator.counts() == {QUEUE: 0}
    with pytest.raises(UnknownQueueError):
        await all_of(operator)
