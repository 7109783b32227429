"""The relay: publishes the outbox with confirms and removes what was confirmed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError
from redis.exceptions import RedisError

from services.common.errors import describe
from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection, underlay
from services.common.messaging.messages import Outgoing, PublishBatch
from services.common.messaging.properties import event_properties
from services.common.messaging.publisher import publisher
from services.common.messaging.topology import events_exchange
from services.common.outbox.stream import Outbox

log = structlog.get_logger(__name__)

BATCH = 100
BLOCK_MS = 1_000
PAUSE_SECONDS = 0.5
CLAIM_EVERY_SECONDS = 2.0
DRAIN_SECONDS = 5.0
MAX_TRIES = 2
"""How often the channel may close over an event alone before the event is skipped."""


@dataclass(slots=True)
class Relay:
    """One process's relay; several may work on the same outbox.

    `instrument` wraps every batch (spans, metrics); `instance` names this relay in the consumer group.
    """

    outbox: Outbox
    connection: BrokerConnection
    app_id: str
    instance: str
    instrument: Callable[[PublishBatch], PublishBatch] = lambda publish: publish
    _tries: Counter[str] = field(default_factory=Counter)
    """By entry: how often the channel closed over it alone."""

    async def run(self) -> None:
        """Relay until cancelled; a broker or a Redis that is away delays entries and loses none."""
        while True:
            await self.connection.writable.wait()
            try:
                await self.outbox.prepare()
                async with self.connection.channel() as channel:
                    await self._relay(await self._publisher(channel))
            except (*BROKER_ERRORS, RedisError) as error:
                log.warning("outbox relay interrupted", error=describe(error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def drain(self) -> None:
        """Send what is left before the process goes, for at most 5 s; the rest waits for another relay."""
        try:
            # The channel is closed outside of the timeout: by then all is sent, whatever becomes of it.
            async with self.connection.channel() as channel, asyncio.timeout(DRAIN_SECONDS):
                publish = await self._publisher(channel)
                await self._send_pending(publish)
                while messages := await self.outbox.read_new(self.instance, BATCH, block_ms=1):
                    await self._send(publish, messages)
                await self.outbox.forget_relay(self.instance)
        except (*BROKER_ERRORS, RedisError) as error:
            log.warning("outbox not drained", error=describe(error))

    async def _publisher(self, channel: AbstractChannel) -> PublishBatch:
        await events_exchange(channel)
        properties = partial(event_properties, app_id=self.app_id)
        return self.instrument(publisher(await underlay(channel), properties))

    async def _relay(self, publish: PublishBatch) -> None:
        await self._send_pending(publish)
        clock = asyncio.get_running_loop().time
        claimed = clock()
        while True:
            if clock() - claimed > CLAIM_EVERY_SECONDS:
                async for messages in self.outbox.claim_stale(self.instance, BATCH):
                    await self._send(publish, messages)
                claimed = clock()
            await self._send(publish, await self.outbox.read_new(self.instance, BATCH, block_ms=BLOCK_MS))

    async def _send_pending(self, publish: PublishBatch) -> None:
        """Send one by one what this relay had read when it lost its channel.

        The broker answers some messages by closing the channel or the connection. Such an event is skipped
        after two tries, so that the others need not wait for it: it stays, is seen in the outbox's age, and
        is tried again with every claim.
        """
        messages = await self.outbox.read_pending(self.instance, BATCH)
        self._tries = Counter({message.entry: self._tries[message.entry] for message in messages})
        for message in messages:
            if self._tries[message.entry] == MAX_TRIES:
                continue
            try:
                await self._send(publish, [message])
            except TimeoutError:  # a slow broker has closed nothing
                raise
            except BROKER_ERRORS:
                self._tries[message.entry] += 1
                if self._tries[message.entry] == MAX_TRIES:
                    log.error("event skipped: the channel closes over it", **message.log_fields())  # noqa: TRY400
                raise
            self._tries[message.entry] = 0

    async def _send(self, publish: PublishBatch, messages: Sequence[Outgoing]) -> None:
        """Publish messages, and remove those that are confirmed.

        One that is unroutable, cannot be encoded or finds its queue full stays, is seen in the outbox's age,
        and is tried again with the next claim; the others must not wait for it.

        Raises:
            AMQPError, ConnectionError, TimeoutError: The channel was lost, or the broker is slow.
        """
        results = [*zip(messages, await publish(messages), strict=True)] if messages else []
        if confirmed := [message.entry for message, error in results if error is None]:
            await self.outbox.remove(confirmed)
        lost: BaseException | None = None
        for message, error in results:
            if error is not None:
                log.warning("publish failed", error=describe(error), **message.log_fields())
            if isinstance(error, BROKER_ERRORS) and not isinstance(error, DeliveryError):
                lost = error
        if lost is not None:
            raise lost


@asynccontextmanager
async def relaying(lifetime: Lifetime, relay: Relay) -> AsyncIterator[None]:
    """Relay while the block runs, and send what is left on leaving it in order.

    After an error nothing is sent: whatever failed may be what sending needs, and other relays, or this
    process's successor, take the rest over.
    """
    async with lifetime.background(relay.run(), "relay"):
        yield
    await relay.drain()
