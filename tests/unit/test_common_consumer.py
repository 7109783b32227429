"""The consumer on a broker in memory: what it takes, when it acknowledges, and what it does after a loss."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError
from aiormq import spec
from structlog.testing import capture_logs

from services.common.lifecycle import Lifetime
from services.common.messaging import consumer as module
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.messages import Delivery, Process, Settlement
from services.common.messaging.topology import Subscription
from tests.servers import eventually
from tests.unit.fake_broker import POISON, FakeBroker, Published

QUEUE = Subscription("q", ["order.created.v1"])
DONE = Settlement("ack", "done")
RETRY = Settlement("retry", "timeout", TimeoutError())


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no long pauses."""
    for name in ("PAUSE_SECONDS", "ISOLATION_SECONDS"):
        monkeypatch.setattr(module, name, 0.02)


@pytest.fixture
def broker() -> FakeBroker:
    """Return a broker without messages."""
    return FakeBroker()


@pytest.fixture
def outgoing() -> FakeBroker:
    """Return the same broker as the connection for publishing shows it."""
    return FakeBroker()


@asynccontextmanager
async def running(
    broker: FakeBroker, process: Process, outgoing: FakeBroker | None = None, *, prefetch: int = 5
) -> AsyncIterator[Consumer]:
    """Run a consumer while the block runs, and have it end in order."""
    copies = (outgoing or FakeBroker()).as_connection()
    consumer = Consumer(broker.as_connection(), copies, QUEUE, process, prefetch)
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 5)


def failing_once(error: BaseException) -> Callable[[object], Awaitable[None]]:
    """Return what raises an error the first time it is called."""
    errors = iter([error])

    async def fail(_: object) -> None:
        if found := next(errors, None):
            raise found

    return fail


@dataclass
class Held:
    """Processes every delivery when the test releases it."""

    begun: list[Delivery] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, delivery: Delivery) -> Settlement:
        self.begun.append(delivery)
        await self.release.wait()
        return DONE


def settling(settlement: Settlement = DONE) -> Process:
    """Return a process that settles everything alike."""

    async def process(_: Delivery) -> Settlement:
        return settlement

    return process


async def test_deliveries_are_processed_side_by_side_up_to_the_prefetch(broker: FakeBroker) -> None:
    """The next one is delivered as soon as one is acknowledged."""
    process = Held()
    broker.put(*(b"%d" % number for number in range(7)))
    async with running(broker, process, prefetch=3):
        await eventually(lambda: len(process.begun) == 3)
        await asyncio.sleep(0)
        assert (len(process.begun), broker.acknowledged) == (3, [])
        process.release.set()
        await eventually(lambda: len(broker.acknowledged) == 7)


@pytest.mark.parametrize(
    ("settlement", "queue"), [(RETRY, "q.retry.1s"), (Settlement("dead_letter", "unknown_type"), "q.dlq")]
)
async def test_the_original_is_acknowledged_after_its_copy_was_confirmed(
    broker: FakeBroker, outgoing: FakeBroker, settlement: Settlement, queue: str
) -> None:
    """Until then it is the only one there is."""
    confirm, asked = asyncio.Event(), asyncio.Event()

    async def on_publish(_: Published) -> None:
        asked.set()
        await confirm.wait()

    outgoing.on_publish = on_publish
    broker.put(b"{}")
    async with running(broker, settling(settlement), outgoing):
        await asyncio.wait_for(asked.wait(), 5)
        assert broker.acknowledged == []
        confirm.set()
        await eventually(lambda: broker.acknowledged)
    assert [(copy.exchange, copy.routing_key) for copy in outgoing.published] == [("q", queue)]
    assert not broker.published


@pytest.mark.parametrize(
    "error", [ConnectionError("gone"), TimeoutError(), RuntimeError("closed"), asyncio.CancelledError()]
)
async def test_a_copy_that_is_not_confirmed_leaves_the_original_with_the_broker(
    broker: FakeBroker, outgoing: FakeBroker, error: BaseException
) -> None:
    """However the library puts it, also by a cancellation that nobody asked for: the message comes again."""
    outgoing.on_publish = failing_once(error)
    broker.put(b"{}")
    with capture_logs() as logs:
        async with running(broker, settling(RETRY), outgoing):
            await eventually(lambda: broker.acknowledged)
    assert len(outgoing.published) == 1
    [line] = [line for line in logs if line["event"] == "delivery not settled"]
    assert (line["log_level"], line["correlation_id"]) == ("warning", "checkout-42")


@pytest.mark.parametrize("error", [DeliveryError(None, spec.Basic.Nack()), ChannelNotFoundEntity("gone")])
async def test_a_retry_queue_that_is_full_or_gone_is_declared_again(
    broker: FakeBroker, outgoing: FakeBroker, error: Exception
) -> None:
    """On a new channel, also when its exchange is gone, and then the message is settled."""
    outgoing.on_publish = failing_once(error)
    broker.put(b"{}")
    async with running(broker, settling(RETRY), outgoing):
        await eventually(lambda: broker.acknowledged)
    assert len(broker.channels) == 2
    assert "q.retry.1s" in broker.channels[-1].queues


async def retrying(delivery: Delivery) -> Settlement:
    """Put off what says so, unless it was requeued, and settle all else."""
    return RETRY if delivery.body == b"retry" and not delivery.redelivered else DONE


async def test_a_copy_waits_while_the_broker_blocks_publishers(
    broker: FakeBroker, outgoing: FakeBroker
) -> None:
    """All else is settled meanwhile, and its original is neither acknowledged nor delivered again."""
    broker.put(b"retry", *(b"%d" % number for number in range(20)))
    async with running(broker, retrying, outgoing):
        outgoing.writable.clear()
        await eventually(lambda: len(broker.acknowledged) == 20)
        await asyncio.sleep(0.05)
        assert b"retry" not in broker.acknowledged
        outgoing.writable.set()
        await eventually(lambda: b"retry" in broker.acknowledged)
    assert [copy.body for copy in outgoing.published] == [b"retry"]


async def test_copies_that_wait_hold_up_the_queue_for_a_while_only(
    broker: FakeBroker, outgoing: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if all that may be in progress have to wait: their originals are requeued, and tried again."""
    monkeypatch.setattr(module, "REPUBLISH_SECONDS", 0.02)
    broker.put(b"retry", b"retry", b"good")
    async with running(broker, retrying, outgoing, prefetch=2):
        outgoing.writable.clear()
        await eventually(lambda: len(broker.acknowledged) == 3)
    assert outgoing.published == []


async def test_a_copy_that_waits_holds_up_no_stop(broker: FakeBroker, outgoing: FakeBroker) -> None:
    """Its original is requeued at once."""
    broker.put(b"retry")
    async with running(broker, retrying, outgoing) as consumer:
        outgoing.writable.clear()
        await eventually(lambda: consumer.busy)
    assert [message.body for message in broker.waiting] == [b"retry"]


async def test_a_bug_in_processing_requeues_the_message_and_stops_nobody(broker: FakeBroker) -> None:
    """Also a `RuntimeError`, which is not mistaken for a broker that went away."""
    seen = list[bool]()

    async def process(delivery: Delivery) -> Settlement:
        if delivery.body == b"bug":
            seen.append(delivery.redelivered)
            if len(seen) == 1:
                raise RuntimeError("a bug")
        return DONE

    broker.put(b"bug", b"good")
    async with running(broker, process):
        await eventually(lambda: len(broker.acknowledged) == 2)
    assert (broker.acknowledged, seen, len(broker.channels)) == ([b"good", b"bug"], [False, True], 1)


async def test_work_in_progress_survives_the_loss_of_its_channel(broker: FakeBroker) -> None:
    """It finishes, cannot be acknowledged any more, and is delivered again on the next channel."""
    process = Held()
    broker.put(b"{}")
    async with running(broker, process):
        await eventually(lambda: process.begun)
        broker.channels[-1].lose()
        await eventually(lambda: len(broker.channels) == 2)
        process.release.set()
        await eventually(lambda: broker.acknowledged)
    assert [delivery.redelivered for delivery in process.begun] == [False, True]


async def test_a_poison_message_takes_no_others_with_it(broker: FakeBroker) -> None:
    """After its first time it is delivered alone, when all that was in progress beside it is settled."""

    async def process(_: Delivery) -> Settlement:
        await asyncio.sleep(0.001)
        return DONE

    good = [b"%d" % number for number in range(9)]
    broker.put(*good[:4], POISON, *good[4:])
    async with running(broker, process):
        await eventually(lambda: len(broker.poisoned_beside) > 4)
        broker.waiting.remove(next(message for message in broker.waiting if message.body == POISON))
        await eventually(lambda: len(broker.acknowledged) == len(good))
    assert sorted(broker.acknowledged) == good
    assert broker.poisoned_beside[0] > 0
    assert set(broker.poisoned_beside[1:]) == {0}


async def test_slow_deliveries_hold_up_no_others_after_a_loss(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Isolation ends when they have arrived decoded, not when they are settled, however many they are."""
    monkeypatch.setattr(module, "ISOLATION_SECONDS", 0.2)
    slow = asyncio.Event()

    async def process(delivery: Delivery) -> Settlement:
        if delivery.body == b"slow":
            await slow.wait()
        return DONE

    broker.put(*[b"slow"] * 30)
    async with running(broker, process, prefetch=40):
        await eventually(lambda: broker.channels and len(broker.channels[-1].unsettled) == 30)
        broker.channels[-1].lose()
        broker.put(*(b"%d" % number for number in range(20)))
        await eventually(lambda: len(broker.acknowledged) == 20, seconds=4)
        slow.set()
        await eventually(lambda: len(broker.acknowledged) == 50)


async def test_a_stop_finishes_what_is_in_progress_and_takes_no_more(broker: FakeBroker) -> None:
    """What was begun is acknowledged, the rest stays with the broker."""
    process = Held()
    broker.put(b"1", b"2")
    async with running(broker, process, prefetch=1) as consumer:
        await eventually(lambda: process.begun)
        consumer.stop()
        await eventually(lambda: broker.channels[-1].consumer is None)
        process.release.set()
    assert broker.acknowledged == [b"1"]
    assert [message.body for message in broker.waiting] == [b"2"]


async def test_what_is_unfinished_at_the_deadline_is_requeued(broker: FakeBroker) -> None:
    """While the channel is open, so that another consumer has it at once; the shutdown goes on."""
    broker.put(b"{}")
    consumer = Consumer(broker.as_connection(), FakeBroker().as_connection(), QUEUE, Held(), prefetch=1)
    with capture_logs() as logs:
        async with consuming(Lifetime(), consumer, deadline=0.02):
            await eventually(lambda: consumer.busy)
    assert not consumer.busy
    assert [message.body for message in broker.waiting] == [b"{}"]
    assert broker.unsettled_at_close == [0]
    assert [line["event"] for line in logs][-2:] == ["unfinished deliveries requeued", "delivery not settled"]


async def test_a_cancelled_delivery_stays_cancelled(broker: FakeBroker) -> None:
    """It is requeued, whoever cancelled it learns that it is over, and the consumer ends in order."""
    broker.put(b"{}")
    async with running(broker, Held()) as consumer:
        await eventually(lambda: consumer.busy)
        consumer.stop()
        await eventually(lambda: broker.channels and broker.channels[-1].consumer is None)
        [task] = consumer._tasks  # noqa: SLF001 - the test cancels it
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
    assert [message.redelivered for message in broker.waiting] == [True]
    assert (broker.acknowledged, broker.unsettled_at_close) == ([], [0])


async def test_a_paused_consumer_takes_nothing_until_it_goes_on(broker: FakeBroker) -> None:
    """Meanwhile it is not ready, and what comes waits in the queue."""
    async with running(broker, settling()) as consumer:
        await eventually(lambda: broker.channels and broker.channels[-1].consumer)
        consumer.pause(paused=True)
        await eventually(lambda: broker.channels and broker.channels[-1].closed)
        broker.put(b"{}")
        with pytest.raises(ConnectionError):
            await consumer.ping()
        assert broker.acknowledged == []
        consumer.pause(paused=False)
        await eventually(lambda: broker.acknowledged)
        await consumer.ping()


async def test_a_consumer_that_the_broker_cancels_begins_again(broker: FakeBroker) -> None:
    """Its queue was deleted: on the next channel it is declared."""
    async with running(broker, settling()):
        await eventually(lambda: broker.channels and broker.channels[-1].consumer)
        for callback in broker.channels[-1].on_consumer_cancel_callbacks:
            callback(spec.Basic.Cancel("consumer"))
        await eventually(lambda: len(broker.channels) == 2)


async def test_a_stop_does_not_wait_for_a_broker_that_is_away(broker: FakeBroker) -> None:
    """There is nothing to finish."""
    async with running(broker, settling()):
        broker.up.clear()
    assert broker.channels == []
