"""The consumer: takes deliveries, has them processed side by side, and settles each exactly as decided."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import structlog
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError
from aiormq.abc import DeliveredMessage

from services.common.errors import describe
from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, Broker
from services.common.messaging.deliveries import Link, delivery_of, linked, tag_of, whole
from services.common.messaging.messages import Delivery, Process, trace_fields
from services.common.messaging.republish import hand_on
from services.common.messaging.topology import Subscription, TopologyConflictError, declare_subscription

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 0.5
CONFLICT_PAUSE_SECONDS = 5.0
SETTLE_TIMEOUT_SECONDS = 5.0
IDLE_STOP_SECONDS = 1.0
REMEDY = (
    "settle or move what is in it, then delete the queue or exchange that the error names: it is declared "
    "anew within seconds; a development stack can forget all its data, with `python -m stack down --purge` "
    "or `docker compose down --volumes`"
)


@dataclass(slots=True)
class Consumer:
    """Reads one subscription with up to `prefetch` deliveries in hand."""

    broker: Broker
    subscription: Subscription
    process: Process
    prefetch: int
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _consuming: bool = False
    _paused: asyncio.Event = field(default_factory=asyncio.Event)
    _resumed: asyncio.Event = field(default_factory=asyncio.Event)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _cautious: bool = False
    """Whether the last channel was lost: then deliveries are taken one by one until one was settled.

    A message that breaks the connection, because no client library can decode it, comes back with everything
    that was in hand beside it; taken alone, it runs into the queue's delivery limit alone.
    """

    async def run(self) -> None:
        """Consume until `stop`; a broker that went away is waited for."""
        while not self._stopping.is_set():
            pause = PAUSE_SECONDS
            if self._paused.is_set():
                await _first(self._resumed, self._stopping)
                continue
            await _first(self.broker.up, self._stopping)
            if self._stopping.is_set():
                break
            try:
                async with self.broker.channel() as channel:
                    await self._consume(channel)
            except BROKER_ERRORS as error:
                log.warning("consumer interrupted", queue=self.subscription.queue, error=describe(error))
            except TopologyConflictError as error:
                log.error("queue is of another version", error=str(error), remedy=REMEDY)  # noqa: TRY400 - no bug
                pause = CONFLICT_PAUSE_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
        await asyncio.gather(*self._tasks)

    @property
    def busy(self) -> bool:
        """Whether deliveries are in hand."""
        return bool(self._tasks)

    async def ping(self) -> None:
        """Raise `ConnectionError` when no deliveries can arrive."""
        if not self._consuming:
            raise ConnectionError(f"not consuming {self.subscription.queue}")

    def pause(self, *, paused: bool) -> None:
        """Take nothing more, or go on; what is in hand is settled first in either case."""
        on, off = (self._paused, self._resumed) if paused else (self._resumed, self._paused)
        on.set()
        off.clear()

    def stop(self) -> None:
        """Take no more deliveries; `run` returns when those in hand are settled."""
        self._stopping.set()

    async def _consume(self, channel: AbstractChannel) -> None:
        await declare_subscription(channel, self.subscription)
        async with linked(channel, SETTLE_TIMEOUT_SECONDS) as link:
            lost = link.lost
            if self._cautious:
                self._settled.clear()
                await self._take_up_to(1, link, self._stopping, self._paused, self._settled)
            if not (lost.is_set() or self._stopping.is_set() or self._paused.is_set()):
                await self._take_up_to(self.prefetch, link, self._stopping, self._paused)
            untried = self._cautious and not self._settled.is_set()
            self._cautious = lost.is_set() or untried
            if not lost.is_set():
                await asyncio.gather(*self._tasks)  # their acknowledgements need this channel

    async def _take_up_to(self, prefetch: int, link: Link, *until: asyncio.Event) -> None:
        """Take deliveries until something happens. A consumer keeps the prefetch that it began with."""
        await link.channel.set_qos(prefetch_count=prefetch, timeout=SETTLE_TIMEOUT_SECONDS)
        taking = await link.underlay.basic_consume(
            self.subscription.queue, partial(self._take, link), timeout=SETTLE_TIMEOUT_SECONDS
        )
        log.info("consuming", queue=self.subscription.queue, prefetch=prefetch)
        self._consuming = True
        try:
            await _first(link.lost, *until)
        finally:
            self._consuming = False
        if not link.lost.is_set() and taking.consumer_tag:
            await link.underlay.basic_cancel(taking.consumer_tag, timeout=SETTLE_TIMEOUT_SECONDS)

    async def _take(self, link: Link, message: DeliveredMessage) -> None:
        # A task of its own: aiormq's dies with the channel, in the middle of whatever it was doing.
        task = asyncio.create_task(self._work(link, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, link: Link, message: DeliveredMessage) -> None:
        delivery = delivery_of(message, self.subscription.queue)
        try:
            settlement = await self.process(delivery)
            if settlement.action != "ack":
                async with asyncio.timeout(SETTLE_TIMEOUT_SECONDS):
                    await hand_on(link.channel, self.subscription, whole(message), settlement)
            link.acknowledger.acknowledge(tag_of(message))
            self._settled.set()
        except asyncio.CancelledError as error:
            self._tell(delivery, error)
            await link.give_back(message, SETTLE_TIMEOUT_SECONDS)
        except Exception as error:  # noqa: BLE001 - also a bug must not hold the message
            # Not settled: the broker delivers it again, and processing it twice changes nothing. One that
            # comes back for ever is given up (`recovery`), or runs into the queue's delivery limit.
            self._tell(delivery, error)
            await asyncio.sleep(PAUSE_SECONDS)
            if isinstance(error, DeliveryError):
                # Its retry or dead-letter queue is full or gone: begin again, which declares them.
                await link.channel.close()
            else:
                await link.give_back(message, SETTLE_TIMEOUT_SECONDS)

    def _tell(self, delivery: Delivery, error: BaseException) -> None:
        log.warning(
            "delivery not settled",
            queue=self.subscription.queue,
            correlation_id=delivery.correlation_id,
            error=describe(error),
            **trace_fields(delivery.headers),
        )


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def consuming(lifetime: Lifetime, consumer: Consumer, deadline: float) -> AsyncIterator[None]:
    """Consume while the block runs; then take no more, and finish what is in hand within the deadline (s)."""
    async with lifetime.background(consumer.run(), "consumer") as task:
        try:
            yield
        finally:
            consumer.stop()
            idle = not consumer.busy and not consumer.broker.connected
            await asyncio.wait([task], timeout=IDLE_STOP_SECONDS if idle else deadline)
            if consumer.busy:
                log.warning("work in hand given back", queue=consumer.subscription.queue)
