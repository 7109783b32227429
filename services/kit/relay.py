"""The relay: publishes the outbox with confirms and removes what was confirmed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import DeliveryError
from redis.exceptions import RedisError

from services.kit.broker import BROKER_ERRORS, Broker
from services.kit.errors import describe
from services.kit.lifetime import Lifetime
from services.kit.messages import Outgoing, PublishBatch, to_amqp, trace_fields
from services.kit.outbox import Outbox
from services.kit.topology import events_exchange

log = structlog.get_logger(__name__)

BATCH = 100
BLOCK_MS = 1_000
PUBLISH_TIMEOUT_SECONDS = 5.0
PAUSE_SECONDS = 0.5
CHECK_UNFINISHED_SECONDS = 2.0
DRAIN_SECONDS = 5.0


def publisher(exchange: AbstractExchange, app_id: str) -> PublishBatch:
    """Return a function that publishes messages side by side on one channel and awaits their confirms."""

    async def publish(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        # gather keeps a CancelledError that aio-pika raises for a dead connection apart from our own
        # cancellation: the former is a result, the latter interrupts the gather itself.
        results = await asyncio.gather(
            *(
                exchange.publish(
                    to_amqp(message, app_id),
                    message.routing_key,
                    mandatory=True,
                    timeout=PUBLISH_TIMEOUT_SECONDS,
                )
                for message in messages
            ),
            return_exceptions=True,
        )
        return [result if isinstance(result, BaseException) else None for result in results]

    return publish


@dataclass(frozen=True, slots=True)
class Relay:
    """One process's relay; several may work on the same outbox.

    `instrument` wraps every batch (spans, metrics); `instance` names this relay in the consumer group.
    """

    outbox: Outbox
    broker: Broker
    app_id: str
    instance: str
    instrument: Callable[[PublishBatch], PublishBatch] = lambda publish: publish

    async def run(self) -> None:
        """Relay until cancelled; a broker or a Redis that is away delays entries and loses none."""
        while True:
            try:
                await self.outbox.prepare()
                async with self.broker.channel() as channel:
                    exchange = await events_exchange(channel)
                    await self._relay(self.instrument(publisher(exchange, self.app_id)))
            except (*BROKER_ERRORS, RedisError) as error:
                log.warning("outbox relay interrupted", error=describe(error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def drain(self) -> None:
        """Send what is left before the process goes, for at most 5 s; the rest waits for another relay."""
        if not self.broker.connected:
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS), self.broker.channel() as channel:
                publish = self.instrument(publisher(await events_exchange(channel), self.app_id))
                await self._send(publish, await self.outbox.take_back(self.instance, count=BATCH))
                while messages := await self.outbox.take(self.instance, count=BATCH, block_ms=1):
                    await self._send(publish, messages)
                await self.outbox.forget_relay(self.instance)
        except (*BROKER_ERRORS, RedisError) as error:
            log.warning("outbox not drained", error=describe(error))

    async def _relay(self, publish: PublishBatch) -> None:
        # What this relay had in hand when it last lost its channel goes first.
        await self._send(publish, await self.outbox.take_back(self.instance, count=BATCH))
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            if clock() - checked > CHECK_UNFINISHED_SECONDS:
                await self._take_over(publish)
                checked = clock()
            await self._send(publish, await self.outbox.take(self.instance, count=BATCH, block_ms=BLOCK_MS))

    async def _take_over(self, publish: PublishBatch) -> None:
        start, done = "0-0", False
        while not done:
            start, messages = await self.outbox.take_over(self.instance, start, count=BATCH)
            await self._send(publish, messages)
            done = start == "0-0"

    async def _send(self, publish: PublishBatch, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        errors = await publish(messages)
        confirmed = [m.entry for m, error in zip(messages, errors, strict=True) if error is None]
        if confirmed:
            await self.outbox.remove(confirmed)
        failed = [(m, error) for m, error in zip(messages, errors, strict=True) if error is not None]
        for message, error in failed:
            _warn(message, error)
        if any(not isinstance(error, DeliveryError) for _, error in failed):
            raise ConnectionError(f"{len(failed)} of {len(messages)} messages were not confirmed")
        if failed:
            # Unroutable, or the queue is full: the entry stays, is seen in the outbox's age, and is
            # tried again with the next take-over; the others must not wait for it.
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def relaying(lifetime: Lifetime, relay: Relay) -> AsyncIterator[None]:
    """Relay while the block runs, and send what is left on leaving."""
    async with lifetime.background(relay.run(), "relay"):
        yield
    await relay.drain()


def _warn(message: Outgoing, error: BaseException) -> None:
    log.warning(
        "publish failed",
        correlation_id=message.correlation_id,
        message_id=message.message_id,
        routing_key=message.routing_key,
        error=describe(error),
        **trace_fields(message.headers),
    )
