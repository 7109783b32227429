"""The relay: publishes the outbox with confirms and removes what was confirmed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError
from redis.exceptions import RedisError

from services.common.errors import describe
from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, Broker
from services.common.messaging.frames import event
from services.common.messaging.messages import Outgoing, PublishBatch, trace_fields
from services.common.messaging.publisher import publisher
from services.common.messaging.topology import events_exchange
from services.common.outbox.stream import Outbox

log = structlog.get_logger(__name__)

BATCH = 100
BLOCK_MS = 1_000
PAUSE_SECONDS = 0.5
CHECK_UNFINISHED_SECONDS = 2.0
DRAIN_SECONDS = 5.0
TRIES = 2
"""So often the channel may break over an event alone before the event is put off."""


@dataclass(slots=True)
class Relay:
    """One process's relay; several may work on the same outbox.

    `instrument` wraps every batch (spans, metrics); `instance` names this relay in the consumer group.
    """

    outbox: Outbox
    broker: Broker
    app_id: str
    instance: str
    instrument: Callable[[PublishBatch], PublishBatch] = lambda publish: publish
    _broke: bool = False
    """Whether the channel broke over what was sent last."""
    _tries: dict[str, int] = field(default_factory=dict)
    """By entry: how often the channel broke over it alone."""

    async def run(self) -> None:
        """Relay until cancelled; a broker or a Redis that is away delays entries and loses none."""
        while True:
            try:
                await self.outbox.prepare()
                async with self.broker.channel() as channel:
                    await self._relay(await self._publisher(channel))
            except (*BROKER_ERRORS, RedisError) as error:
                log.warning("outbox relay interrupted", error=describe(error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def drain(self) -> None:
        """Send what is left before the process goes, for at most 5 s; the rest waits for another relay."""
        if not self.broker.connected:
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS), self.broker.channel() as channel:
                publish = await self._publisher(channel)
                await self._resend(publish)
                while messages := await self.outbox.take(self.instance, count=BATCH, block_ms=1):
                    await self._send(publish, messages)
                await self.outbox.forget_relay(self.instance)
        except (*BROKER_ERRORS, RedisError) as error:
            log.warning("outbox not drained", error=describe(error))

    async def _publisher(self, channel: AbstractChannel) -> PublishBatch:
        exchange = await events_exchange(channel)
        return self.instrument(publisher(channel, exchange.name, event(self.app_id)))

    async def _relay(self, publish: PublishBatch) -> None:
        await self._resend(publish)
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            if clock() - checked > CHECK_UNFINISHED_SECONDS:
                await self._take_over(publish)
                checked = clock()
            await self._send(publish, await self.outbox.take(self.instance, count=BATCH, block_ms=BLOCK_MS))

    async def _resend(self, publish: PublishBatch) -> None:
        """Send what this relay had in hand when it last lost its channel; one by one, if it broke over them.

        One of them may have been the reason: the broker answers some messages by closing the channel or the
        connection. Such a one is put off after two tries: it stays, is seen in the outbox's age, and is tried
        again with every take-over; the others must not wait for it.
        """
        messages = await self.outbox.take_back(self.instance, count=BATCH)
        for gone in self._tries.keys() - {message.entry for message in messages}:
            del self._tries[gone]
        messages = [message for message in messages if self._tries.get(message.entry, 0) < TRIES]
        if not self._broke:
            await self._send(publish, messages)
            return
        for message in messages:
            try:
                await self._send(publish, [message], pause=0)
                self._tries.pop(message.entry, None)
            except ConnectionError:
                self._tries[message.entry] = self._tries.get(message.entry, 0) + 1
                if self._tries[message.entry] == TRIES:
                    log.error("event put off: the channel breaks over it", **_named(message))  # noqa: TRY400 - no bug
                raise
        self._broke = False

    async def _take_over(self, publish: PublishBatch) -> None:
        start, done = "0-0", False
        while not done:
            start, messages = await self.outbox.take_over(self.instance, start, count=BATCH)
            await self._send(publish, messages)
            done = start == "0-0"

    async def _send(
        self, publish: PublishBatch, messages: Sequence[Outgoing], *, pause: float = PAUSE_SECONDS
    ) -> None:
        if not messages:
            return
        errors = await publish(messages)
        confirmed = [m.entry for m, error in zip(messages, errors, strict=True) if error is None]
        if confirmed:
            await self.outbox.remove(confirmed)
        failed = [(m, error) for m, error in zip(messages, errors, strict=True) if error is not None]
        for message, error in failed:
            _warn(message, error)
        lost = [error for _, error in failed if _is_lost(error)]
        if lost:
            # A broker that is only slow has broken nothing: one by one it would take as long for each.
            self._broke = not all(isinstance(error, TimeoutError) for error in lost)
            kind = ConnectionError if self._broke else TimeoutError
            raise kind(f"{len(failed)} of {len(messages)} messages were not confirmed")
        if failed:
            # Unroutable, not to be encoded, or the queue is full: the entry stays, is seen in the outbox's
            # age, and is tried again with the next take-over; the others must not wait for it.
            await asyncio.sleep(pause)


def _is_lost(error: BaseException) -> bool:
    """Return whether it is about the channel, not about one message."""
    return isinstance(error, BROKER_ERRORS) and not isinstance(error, DeliveryError)


@asynccontextmanager
async def relaying(lifetime: Lifetime, relay: Relay) -> AsyncIterator[None]:
    """Relay while the block runs, and send what is left on leaving."""
    async with lifetime.background(relay.run(), "relay"):
        yield
    await relay.drain()


def _warn(message: Outgoing, error: BaseException) -> None:
    log.warning("publish failed", error=describe(error), **_named(message))


def _named(message: Outgoing) -> dict[str, str]:
    return {
        "correlation_id": message.correlation_id,
        "message_id": message.message_id,
        "routing_key": message.routing_key,
        **trace_fields(message.headers),
    }
