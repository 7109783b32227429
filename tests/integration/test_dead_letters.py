"""Working through dead letters on a real RabbitMQ: nothing is lost, nothing is seen twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection
from services.common.messaging.dead_letter import DeadLetter
from services.common.messaging.dead_letters import DeadLetters, OperatorBusyError, UnknownQueueError
from services.common.messaging.messages import Outgoing, PublishBatch
from services.common.messaging.topology import Subscription, declare_subscription
from tests.servers import message_in, publish

SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
QUEUE = SUBSCRIPTION.dead_letter_queue


@dataclass
class Desk:
    """An operator's desk, and what was noted there."""

    broker: BrokerConnection
    noted: list[str] = field(default_factory=list)

    def dead_letters(self) -> DeadLetters:
        """Return the dead letters; each replay carries a new trace context on."""
        return DeadLetters(self.broker, [QUEUE], self._instrument, self.noted.append)

    def _instrument(self, publish: PublishBatch) -> PublishBatch:
        async def traced(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
            for message in messages:
                message.headers["traceparent"] = "of-the-replay"
            return await publish(messages)

        return traced


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
async def desk(broker: BrokerConnection, channel: AbstractChannel) -> Desk:
    """Return a desk with three dead letters on it."""
    await declare_subscription(channel, SUBSCRIPTION)
    for number in range(3):
        await publish(channel, QUEUE, dead(number))
    return Desk(broker)


async def bodies(desk: Desk) -> list[bytes]:
    """Return what lies in the queue, in order."""
    _, found = await desk.dead_letters().page(QUEUE, offset=0, limit=100)
    return [dead_letter.delivery.body for dead_letter in found]


async def first(desk: Desk) -> DeadLetter:
    """Return the oldest dead letter."""
    _, [dead_letter] = await desk.dead_letters().page(QUEUE, offset=0, limit=1)
    return dead_letter


async def test_looking_changes_nothing(desk: Desk) -> None:
    """However often one looks: the same dead letters, with the same ids, in the same order."""
    dead_letters = desk.dead_letters()
    looks = [await dead_letters.page(QUEUE, offset=0, limit=100) for _ in range(30)]
    assert all(count == 3 for count, _ in looks)
    assert {tuple(one.delivery.body for one in found) for _, found in looks} == {(b"0", b"1", b"2")}
    assert len({one.id for _, found in looks for one in found}) == 3


async def test_a_dead_letter_says_why_it_is_one(desk: Desk) -> None:
    """Reason, error, attempts, time and ids are there, and a dead letter is found by its id."""
    one = await first(desk)
    assert (one.reason, one.error, one.dead_lettered_at) == ("mail_down", "OSError: down", 1)
    delivery = one.delivery
    assert (delivery.attempt, delivery.message_id, delivery.correlation_id) == (4, "m-0", "c-0")
    found = await desk.dead_letters().find(QUEUE, one.id)
    assert found is not None
    assert found.delivery.body == delivery.body
    assert await desk.dead_letters().find(QUEUE, "0" * 32) is None


async def test_pages_do_not_overlap(desk: Desk) -> None:
    """An offset passes over the oldest dead letters; the count is that of the whole queue."""
    count, [second] = await desk.dead_letters().page(QUEUE, offset=1, limit=1)
    assert (count, second.delivery.body) == (3, b"1")


async def test_a_replay_keeps_the_ids_and_begins_its_attempts_anew(
    desk: Desk, channel: AbstractChannel
) -> None:
    """The copy has the dead letter's ids and type, the replay's trace, and none of the dead letter's past."""
    _, [dead_letter] = await desk.dead_letters().page(QUEUE, offset=1, limit=1)
    assert await desk.dead_letters().replay(QUEUE, dead_letter.id) == (1, 2)
    copy = await message_in(channel, "test.queue")
    assert (copy.body, copy.message_id, copy.correlation_id) == (b"1", "m-1", "c-1")
    assert (copy.type, copy.content_type) == ("test.happened.v1", "application/json")
    assert (copy.headers["x-attempt"], copy.headers["x-replays"]) == (1, 1)
    assert copy.headers["traceparent"] == "of-the-replay"
    assert not [name for name in copy.headers if name.startswith(("x-dead-letter", "x-retry"))]
    assert await bodies(desk) == [b"0", b"2"]
    assert desk.noted == ["replayed"]


async def test_all_are_replayed_once_even_if_they_come_back(desk: Desk, channel: AbstractChannel) -> None:
    """Dead letters that are set aside again at once are not sent in circles."""

    async def set_aside_again() -> None:
        for _ in range(3):
            copy = await message_in(channel, "test.queue")
            await publish(channel, QUEUE, dead(int(copy.body), **{"x-replays": 1}))

    again = asyncio.create_task(set_aside_again())
    assert (await desk.dead_letters().replay(QUEUE))[0] == 3
    await again
    assert sorted(await bodies(desk)) == [b"0", b"1", b"2"]
    assert (await first(desk)).replays == 1


async def test_discarding_takes_the_one_or_all(desk: Desk) -> None:
    """What is discarded is gone, the rest stays."""
    dead_letter = await first(desk)
    assert await desk.dead_letters().discard(QUEUE, dead_letter.id) == (1, 2)
    assert await desk.dead_letters().discard(QUEUE, dead_letter.id) == (0, 2)
    assert await bodies(desk) == [b"1", b"2"]
    assert await desk.dead_letters().discard(QUEUE) == (2, 0)
    assert await bodies(desk) == []


async def test_a_replay_that_cannot_be_delivered_leaves_the_dead_letter(
    desk: Desk, channel: AbstractChannel
) -> None:
    """A dead letter whose queue is gone stays where it is, and the operator hears of it."""
    await channel.queue_delete("test.queue")
    dead_letter = await first(desk)
    with pytest.raises(BROKER_ERRORS):
        await desk.dead_letters().replay(QUEUE, dead_letter.id)
    assert await bodies(desk) == [b"0", b"1", b"2"]
    assert desk.noted == []


async def test_one_operator_at_a_time(desk: Desk, amqp: str) -> None:
    """Another process is told to come again, rather than shown an empty queue; then all is there for it."""
    other = BrokerConnection(amqp, "another process")
    connected = Lifetime().background(other.keep_connected(), "another broker")
    async with connected:
        await asyncio.wait_for(other.up.wait(), 10)
        async with desk.dead_letters()._locked(QUEUE):  # noqa: SLF001 - as long as the test wants
            with pytest.raises(OperatorBusyError):
                await Desk(other).dead_letters().page(QUEUE, offset=0, limit=1)
        assert await bodies(Desk(other)) == [b"0", b"1", b"2"]


async def test_operators_of_one_process_wait_for_each_other(desk: Desk) -> None:
    """Calls at the same time are served one after the other."""
    dead_letters = desk.dead_letters()
    pages = await asyncio.gather(*(dead_letters.page(QUEUE, offset=0, limit=10) for _ in range(5)))
    assert [len(found) for _, found in pages] == [3] * 5


async def test_a_queue_that_nobody_declared_is_unknown(
    broker: BrokerConnection, channel: AbstractChannel
) -> None:
    """It has no dead letters to count, and none to look at."""
    del channel  # it emptied the broker
    dead_letters = Desk(broker).dead_letters()
    assert await dead_letters.counts() == {QUEUE: 0}
    with pytest.raises(UnknownQueueError):
        await dead_letters.page(QUEUE, offset=0, limit=1)
