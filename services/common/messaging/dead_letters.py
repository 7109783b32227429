"""Dead letters as operators work through them: looked at, replayed, discarded, and never lost on the way.

They stay in their queue: a look takes them from the broker and requeues them. One operator at a time does
that, as another would find the queue empty meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import structlog
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelLockedResource, ChannelNotFoundEntity

from services.common.errors import describe
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection, broker_errors, underlay
from services.common.messaging.dead_letter import DeadLetter, dead_letter
from services.common.messaging.messages import PublishBatch
from services.common.messaging.properties import copy_properties, delivery_of
from services.common.messaging.publisher import publisher
from services.common.messaging.topology import waiting_messages

log = structlog.get_logger(__name__)

LOCK_QUEUE = "operator.dead-letters"
"""An exclusive queue: while one connection has it, no other can declare it; it ends with its connection."""
MAX_BROWSED = 10_000
"""Dead letters that one call looks at, from the oldest on."""
DEADLINE_SECONDS = 30.0
WORK_SECONDS = 25.0
"""After which a call that replays or discards all stops, and says how many are left."""
TIMEOUT_SECONDS = 5.0

Act = Callable[[DeadLetter], Awaitable[None]]


class OperatorBusyError(Exception):
    """Another operator is at work on the dead letters: try again in a moment."""


class UnknownQueueError(Exception):
    """It is no dead-letter queue, or nobody has declared it yet."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter queues of a broker.

    Every method may raise `OperatorBusyError`, `UnknownQueueError`, and what is in `BROKER_ERRORS`.
    """

    connection: BrokerConnection
    outgoing: BrokerConnection
    """Where replays are published, apart from what takes dead letters: see `BrokerConnection.writable`."""
    queues: Sequence[str]
    instrument: Callable[[PublishBatch], PublishBatch]
    """Wraps the publishing of a replay: its span, its metrics."""
    count: Callable[[str], None]
    """Called for each dead letter that was `replayed` or `discarded`."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def counts(self) -> dict[str, int]:
        """Return how many dead letters lie in each queue, without those that an operator holds."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return {queue: await self._count(queue) for queue in self.queues}

    async def _count(self, queue: str) -> int:
        try:
            async with self.connection.channel() as channel:
                return await waiting_messages(channel, queue)
        except ChannelNotFoundEntity:  # nobody has declared it yet
            return 0

    async def page(self, queue: str, *, offset: int, limit: int) -> tuple[int, list[DeadLetter]]:
        """Return how many dead letters lie in a queue, and some of them, the oldest first."""
        async with self._locked(queue) as (channel, count):
            found, number = list[DeadLetter](), 0
            async for _, each in _browse(channel, queue, offset + limit):
                number += 1
                if number > offset:  # what is passed over is not kept: it may be large
                    found.append(each)
        return count, found

    async def find(self, queue: str, dead_letter_id: str) -> DeadLetter | None:
        """Return a dead letter, if it is among the oldest 10,000."""
        async with self._locked(queue) as (channel, _):
            async for _, each in _browse(channel, queue, MAX_BROWSED):
                if each.id == dead_letter_id:
                    return each
        return None

    async def replay(self, queue: str, dead_letter_id: str | None = None) -> tuple[int, int]:
        """Send a dead letter, or all, to the queue they come from; return how many went, and how many stay.

        A dead letter leaves its queue only when the broker has confirmed the copy. It may be replayed twice,
        when the connection breaks in between; that changes nothing, as whoever reads it is idempotent.
        """
        async with self.outgoing.channel() as channel:
            publish = partial(self._publish, await underlay(channel))
            return await self._handle(queue, dead_letter_id, "replayed", publish)

    async def discard(self, queue: str, dead_letter_id: str | None = None) -> tuple[int, int]:
        """Drop a dead letter, or all, for good; return how many were dropped and how many are left."""
        if dead_letter_id is None:
            return await self._purge(queue)
        return await self._handle(queue, dead_letter_id, "discarded")

    async def _purge(self, queue: str) -> tuple[int, int]:
        """Drop all unseen: it is the only way to be rid of one that no client can decode."""
        async with self._locked(queue) as (channel, _):
            with broker_errors():
                dropped = (await channel.queue_purge(queue, timeout=TIMEOUT_SECONDS)).message_count or 0
        for _ in range(dropped):
            self.count("discarded")
        log.info("dead letters discarded", queue=queue, dead_letters=dropped)
        return dropped, 0

    async def _handle(
        self, queue: str, dead_letter_id: str | None, what: str, act: Act | None = None
    ) -> tuple[int, int]:
        clock, handled = asyncio.get_running_loop().time, 0
        end = clock() + WORK_SECONDS
        async with self._locked(queue) as (channel, count):
            # As many as lay there at the beginning: one that comes back at once is not sent in circles.
            limit = count if dead_letter_id is None else MAX_BROWSED
            async for tag, each in _browse(channel, queue, limit):
                if dead_letter_id not in {None, each.id}:
                    continue
                try:
                    if act is not None:
                        await act(each)
                    with broker_errors():
                        await channel.basic_ack(tag)
                except BROKER_ERRORS as error:
                    if not handled:
                        raise
                    log.warning(f"dead letter not {what}", error=describe(error), **each.log_fields())  # noqa: G004
                    break  # how many went is worth more to the operator than an error
                handled += 1
                self.count(what)
                log.info(f"dead letter {what}", **each.log_fields())  # noqa: G004 - one of two
                if dead_letter_id is not None or clock() > end:
                    break
        return handled, count - handled

    async def _publish(self, channel: AbstractChannel, replayed: DeadLetter) -> None:
        publish = publisher(channel, lambda sent: copy_properties(replayed.delivery, sent.headers))
        [error] = await self.instrument(publish)([replayed.replay()])
        if error is not None:
            raise error

    @asynccontextmanager
    async def _locked(self, queue: str) -> AsyncIterator[tuple[AbstractChannel, int]]:
        """Yield a channel while no other operator has one, and how many dead letters lie in the queue."""
        if queue not in self.queues:
            raise UnknownQueueError(f"the dead-letter queues are {', '.join(self.queues)}")
        async with asyncio.timeout(DEADLINE_SECONDS) as deadline, self._lock:
            try:
                # Closed before the lock is given away: only then are the dead letters back in the queue.
                async with self.connection.channel() as channel:
                    with broker_errors():
                        await channel.declare_queue(LOCK_QUEUE, exclusive=True, timeout=TIMEOUT_SECONDS)
                    count = await waiting_messages(channel, queue)
                    yield await underlay(channel), count
                    deadline.reschedule(None)  # what is done is done, however long cleaning up takes
            except ChannelLockedResource:
                raise OperatorBusyError("another operator is at work on the dead letters") from None
            except ChannelNotFoundEntity:
                raise UnknownQueueError(f"there is no queue {queue}") from None
            finally:
                await self._unlock()

    async def _unlock(self) -> None:
        # On a channel of its own, as an error closes the one that was worked on.
        with suppress(*BROKER_ERRORS):
            async with asyncio.timeout(TIMEOUT_SECONDS), self.connection.channel() as channel:
                with broker_errors():
                    await channel.queue_delete(LOCK_QUEUE)


async def _browse(channel: AbstractChannel, queue: str, limit: int) -> AsyncIterator[tuple[int, DeadLetter]]:
    """Take dead letters one by one; those that are not acknowledged go back when the channel closes."""
    for _ in range(min(limit, MAX_BROWSED)):
        with broker_errors():
            message = await channel.basic_get(queue, timeout=TIMEOUT_SECONDS)
        if message.delivery_tag is None:  # the queue is empty
            return
        yield message.delivery_tag, dead_letter(delivery_of(message, queue))
