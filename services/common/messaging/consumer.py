"""The consumer: takes deliveries, has them processed side by side, and settles each exactly as decided.

Deliveries come on aiormq's channel, which aio-pika's `get_underlay_channel` returns. aio-pika makes an object
of each, whose constructor refuses properties that a stranger may have set, and leaves that delivery unsettled
for ever; and acknowledging it waits until the socket has drained: 103 µs of CPU a message instead of 65.

Copies for the retry and dead-letter queues go out on another connection: in a resource alarm RabbitMQ reads
nothing more, no acknowledgement either, from a connection on which something was published.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from aio_pika.abc import AbstractChannel as AioPikaChannel
from aio_pika.exceptions import AMQPChannelError, DeliveryError
from aiormq.abc import AbstractChannel, DeliveredMessage

from services.common.errors import describe
from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection, broker_errors, underlay
from services.common.messaging.messages import Process
from services.common.messaging.properties import delivery_of
from services.common.messaging.publisher import republish
from services.common.messaging.topology import Subscription, TopologyConflictError, declare_subscription

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 0.5
CONFLICT_PAUSE_SECONDS = 5.0
TIMEOUT_SECONDS = 5.0
"""For an answer of the broker, or for room in the connection's queue of frames to write."""
ISOLATION_SECONDS = 0.5
"""How long a message that arrived is waited for, all of them together."""
REPUBLISH_SECONDS = 30.0
"""How long a copy waits for a broker that blocks publishers; then the message is requeued, for a place of the
prefetch must not be held for ever. Of requeued messages quorum queues count how often they were."""
REMEDY = (
    "settle or move what is in it, then delete the queue or exchange that the error names: it is declared "
    "anew within seconds; a development stack can forget all its data, with `python -m stack down --purge` "
    "or `docker compose down --volumes`"
)


@dataclass(slots=True)
class Consumer:
    """Reads one subscription, and processes up to `prefetch` deliveries at a time."""

    connection: BrokerConnection
    outgoing: BrokerConnection
    """Where copies are published; never the same one."""
    subscription: Subscription
    process: Process
    prefetch: int
    declared: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as the subscription's queues are there."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _paused: asyncio.Event = field(default_factory=asyncio.Event)
    _resumed: asyncio.Event = field(default_factory=asyncio.Event)
    _consuming: bool = False
    _isolating: bool = False
    """Whether the last channel was lost, possibly over a message that no client library can decode."""

    async def run(self) -> None:
        """Consume until `stop`; a broker that went away is waited for."""
        while not self._stopping.is_set():
            await _first_of(self._stopping, self._resumed if self._paused.is_set() else self.connection.up)
            if self._stopping.is_set() or self._paused.is_set():
                continue
            pause = PAUSE_SECONDS
            try:
                async with self.connection.channel() as channel:
                    await self._consume(channel)
            except BROKER_ERRORS as error:
                self._isolating = True
                log.warning("consumer interrupted", queue=self.subscription.queue, error=describe(error))
            except TopologyConflictError as error:
                log.error("queue is of another version", error=str(error), remedy=REMEDY)  # noqa: TRY400 - no bug
                pause = CONFLICT_PAUSE_SECONDS
            await _first_of(self._stopping, timeout=pause)
        await self._finish()

    @property
    def busy(self) -> bool:
        """Whether deliveries are being processed."""
        return bool(self._tasks)

    async def ping(self) -> None:
        """Raise `ConnectionError` when no deliveries can arrive."""
        if not self._consuming:
            raise ConnectionError(f"not consuming {self.subscription.queue}")

    def pause(self, *, paused: bool) -> None:
        """Take no more deliveries, or go on; those in progress are settled first in either case."""
        on, off = (self._paused, self._resumed) if paused else (self._resumed, self._paused)
        on.set()
        off.clear()

    def stop(self) -> None:
        """Take no more deliveries; `run` returns when those in progress are settled."""
        self._stopping.set()

    async def _consume(self, channel: AioPikaChannel) -> None:
        """Take deliveries until the channel is lost, or the consumer is paused or stopped."""
        await declare_subscription(channel, self.subscription)
        self.declared.set()
        amqp, lost = await underlay(channel), asyncio.Event()
        channel.close_callbacks.add(lambda *_: lost.set())
        amqp.on_consumer_cancel_callbacks.add(lambda _: lost.set())
        self._consuming = True
        try:
            if self._isolating:
                await self._isolate(amqp, lost)
            if not self._interrupted(lost):
                self._isolating = False
                await self._take(amqp, lost)
        finally:
            self._consuming = False
        if lost.is_set():
            self._isolating = True
        else:
            await self._finish()  # deliveries in progress acknowledge on this channel

    def _interrupted(self, lost: asyncio.Event) -> bool:
        return lost.is_set() or self._stopping.is_set() or self._paused.is_set()

    async def _isolate(self, amqp: AbstractChannel, lost: asyncio.Event) -> None:
        """Take messages one at a time, as long as they are those that the lost channel left unsettled.

        A message that no client library can decode breaks the connection, and comes back with all that was in
        progress beside it. Taken alone it reaches the queue's delivery limit alone. What arrives decoded is
        not waited for, beyond the moment that most deliveries take: slow ones must hold up no others.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + ISOLATION_SECONDS
        for _ in range(self.prefetch):
            with broker_errors():
                message = await amqp.basic_get(self.subscription.queue, timeout=TIMEOUT_SECONDS)
            if message.delivery_tag is None:  # the queue is empty
                break
            task = self._start(amqp, lost, message)
            if not message.redelivered:
                break
            await asyncio.wait([task], timeout=max(0.0, end - clock()))
            if self._interrupted(lost):
                break

    async def _take(self, amqp: AbstractChannel, lost: asyncio.Event) -> None:
        """Have deliveries pushed, at most `prefetch` unsettled ones, until something happens."""

        async def on_delivery(message: DeliveredMessage) -> None:
            self._start(amqp, lost, message)

        with broker_errors():
            await amqp.basic_qos(prefetch_count=self.prefetch, timeout=TIMEOUT_SECONDS)
            consumer = await amqp.basic_consume(self.subscription.queue, on_delivery, timeout=TIMEOUT_SECONDS)
        log.info("consuming", queue=self.subscription.queue, prefetch=self.prefetch)
        await _first_of(lost, self._stopping, self._paused)
        if not lost.is_set() and consumer.consumer_tag:
            with broker_errors():
                await amqp.basic_cancel(consumer.consumer_tag, timeout=TIMEOUT_SECONDS)

    def _start(
        self, amqp: AbstractChannel, lost: asyncio.Event, message: DeliveredMessage
    ) -> asyncio.Task[None]:
        # A task of its own: aiormq's dies with the channel, in the middle of whatever it was doing.
        task = asyncio.create_task(self._work(amqp, lost, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self, amqp: AbstractChannel, lost: asyncio.Event, message: DeliveredMessage) -> None:
        delivery, tag = delivery_of(message, self.subscription.queue), message.delivery_tag or 0
        async with AsyncExitStack() as cleanup:  # outside of the `try`: what goes wrong in it fails nothing
            try:
                settlement = await self.process(delivery)
                if settlement.action != "ack":
                    await _first_of(self.outgoing.writable, self._stopping, timeout=REPUBLISH_SECONDS)
                    channel = await cleanup.enter_async_context(self.outgoing.channel())
                    await republish(await underlay(channel), self.subscription, delivery, settlement)
                with broker_errors():
                    async with asyncio.timeout(TIMEOUT_SECONDS):
                        await amqp.basic_ack(tag, wait=False)
            except asyncio.CancelledError as error:
                log.warning("delivery not settled", error=describe(error), **delivery.log_fields())
                await _requeue(amqp, tag)
                raise
            except Exception as error:  # noqa: BLE001 - also a bug must not hold the message
                # Not settled: the broker delivers it again, and processing it twice changes nothing. One that
                # comes back for ever is dead-lettered (`retries`), or reaches the queue's delivery limit.
                log.warning("delivery not settled", error=describe(error), **delivery.log_fields())
                await asyncio.sleep(PAUSE_SECONDS)
                if isinstance(error, AMQPChannelError | DeliveryError):
                    lost.set()  # its retry or dead-letter queue is full or gone: the next channel declares it
                else:
                    await _requeue(amqp, tag)

    async def _finish(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _requeue(amqp: AbstractChannel, tag: int) -> None:
    """Have the broker deliver a message again; it does so by itself when the channel is gone."""
    with suppress(*BROKER_ERRORS), broker_errors():
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await amqp.basic_nack(tag, requeue=True, wait=False)


async def _first_of(*events: asyncio.Event, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as `asyncio.wait`
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def consuming(lifetime: Lifetime, consumer: Consumer, deadline: float) -> AsyncIterator[None]:
    """Consume while the block runs; then finish what is in progress within the deadline (s)."""
    async with lifetime.background(consumer.run(), "consumer") as task:
        try:
            yield
        finally:
            consumer.stop()
            await asyncio.wait([task], timeout=deadline)
            if consumer.busy:
                log.warning("unfinished deliveries requeued", queue=consumer.subscription.queue)
