"""Dead letters as operators work through them: looked at, replayed, discarded, and never lost on the way.

They stay in their queue: a look takes them from the broker and gives them back. One operator at a time does
that, as another would find the queue empty meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.exceptions import ChannelLockedResource, ChannelNotFoundEntity

from services.common.errors import describe
from services.common.messaging.connection import BROKER_ERRORS, Broker
from services.common.messaging.dead_letter import DeadLetter, dead_letter, found_by, replay_of
from services.common.messaging.frames import content
from services.common.messaging.messages import PublishBatch, copy_of
from services.common.messaging.publisher import publisher
from services.common.messaging.topology import waiting_messages

log = structlog.get_logger(__name__)

MUTEX = "operator.dead-letters"
"""An exclusive queue: while one connection has it, no other can declare it; it ends with its connection."""
MAX_SEEN = 10_000
"""Letters that one call looks at, from the oldest on."""
DEADLINE_SECONDS = 30.0
WORK_SECONDS = 25.0
"""After which a call that replays or discards all stops, and says how many are left."""
ANSWER_SECONDS = 5.0

Act = Callable[[AbstractChannel, AbstractIncomingMessage, DeadLetter], Awaitable[None]]


class OperatorBusyError(Exception):
    """Another operator is at work on the dead letters: try again in a moment."""


class UnknownQueueError(Exception):
    """Nobody has declared such a queue yet."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter queues of a broker.

    Every method may raise `OperatorBusyError`, `UnknownQueueError`, and what is in `BROKER_ERRORS`.
    """

    broker: Broker
    queues: Sequence[str]
    instrument: Callable[[PublishBatch], PublishBatch]
    """Wraps the publishing of a replay: its span, its metrics."""
    count: Callable[[str], None]
    """Told of each letter that was `replayed` or `discarded`."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def counts(self) -> dict[str, int]:
        """Return how many letters lie in each queue, those that an operator holds at this moment left out."""
        await self.broker.ping()
        async with asyncio.timeout(DEADLINE_SECONDS):
            return {queue: await self._count(queue) for queue in self.queues}

    async def _count(self, queue: str) -> int:
        try:
            async with self.broker.channel() as channel:
                return await waiting_messages(channel, queue)
        except ChannelNotFoundEntity:  # nobody has declared it yet
            return 0

    async def page(self, queue: str, *, offset: int, limit: int) -> tuple[int, list[DeadLetter]]:
        """Return how many letters lie in a queue, and some of them, the oldest first."""
        async with self._browsing(queue) as (channel, count):
            letters, number = list[DeadLetter](), 0
            async for _, letter in _look(channel, queue, offset + limit):
                number += 1
                if number > offset:  # what is passed over is not kept: it may be large
                    letters.append(letter)
        return count, letters

    async def find(self, queue: str, letter_id: str) -> DeadLetter | None:
        """Return a letter, if it is among the oldest 10,000."""
        async with self._browsing(queue) as (channel, _):
            async for _, letter in _look(channel, queue, MAX_SEEN):
                if letter.id == letter_id:
                    return letter
        return None

    async def replay(self, queue: str, letter_id: str | None = None) -> tuple[int, int]:
        """Send a letter, or all, to the queue they come from; return how many went and how many are left.

        A letter leaves its queue only when the broker has confirmed the copy. It may be replayed twice, when
        the connection breaks in between; that changes nothing, as whoever reads it is idempotent.
        """
        return await self._handle(queue, letter_id, "replayed", self._send)

    async def discard(self, queue: str, letter_id: str | None = None) -> tuple[int, int]:
        """Drop a letter, or all, for good; return how many were dropped and how many are left."""
        if letter_id is None:
            return await self._purge(queue)
        return await self._handle(queue, letter_id, "discarded", _drop)

    async def _purge(self, queue: str) -> tuple[int, int]:
        """Drop all unseen: it is the only way to be rid of one that no client can decode."""
        async with self._browsing(queue) as (channel, _):
            inbox = await channel.get_queue(queue, ensure=False)
            dropped = (await inbox.purge(timeout=ANSWER_SECONDS)).message_count or 0
        for _ in range(dropped):
            self.count("discarded")
        log.info("dead letters discarded", queue=queue, letters=dropped)
        return dropped, 0

    async def _handle(self, queue: str, letter_id: str | None, what: str, act: Act) -> tuple[int, int]:
        clock, handled = asyncio.get_running_loop().time, 0
        end = clock() + WORK_SECONDS
        async with self._browsing(queue) as (channel, count):
            # As many as lay there at the beginning: a letter that comes back at once is not sent in circles.
            async for message, letter in _look(channel, queue, count if letter_id is None else MAX_SEEN):
                if letter_id not in {None, letter.id}:
                    continue
                try:
                    await act(channel, message, letter)
                except BROKER_ERRORS as error:
                    if not handled:
                        raise
                    log.warning(f"dead letter not {what}", error=describe(error), **found_by(letter))  # noqa: G004
                    break  # how many went is worth more to the operator than an error
                handled += 1
                self._tell(letter, what)
                if letter_id is not None or clock() > end:
                    break
        return handled, count - handled

    def _tell(self, letter: DeadLetter, what: str) -> None:
        self.count(what)
        log.info(f"dead letter {what}", **found_by(letter))  # noqa: G004 - one of two

    async def _send(
        self, channel: AbstractChannel, message: AbstractIncomingMessage, letter: DeadLetter
    ) -> None:
        publish = publisher(
            channel,
            letter.origin,
            lambda sent: content(copy_of(message, sent.headers, sent.message_id)),
        )
        [error] = await self.instrument(publish)([replay_of(letter)])
        if error is not None:
            raise error
        await message.ack()

    @asynccontextmanager
    async def _browsing(self, queue: str) -> AsyncIterator[tuple[AbstractChannel, int]]:
        """Yield a channel that nobody else browses beside, and how many letters lie in the queue."""
        await self.broker.ping()
        async with asyncio.timeout(DEADLINE_SECONDS), self._turn:
            try:
                # Closed before the mutex is given away: only then are the letters back.
                async with self.broker.channel() as channel:
                    await channel.declare_queue(MUTEX, exclusive=True, timeout=ANSWER_SECONDS)
                    yield channel, await waiting_messages(channel, queue)
            except ChannelLockedResource:
                raise OperatorBusyError("another operator is at work on the dead letters") from None
            except ChannelNotFoundEntity:
                raise UnknownQueueError(f"there is no queue {queue}") from None
            finally:
                await self._release()

    async def _release(self) -> None:
        # On a channel of its own, as an error closes the one that was worked on.
        with suppress(*BROKER_ERRORS):
            async with asyncio.timeout(ANSWER_SECONDS), self.broker.channel() as channel:
                await channel.queue_delete(MUTEX)


async def _drop(_: AbstractChannel, message: AbstractIncomingMessage, __: DeadLetter) -> None:
    await message.ack()


async def _look(
    channel: AbstractChannel, queue: str, limit: int
) -> AsyncIterator[tuple[AbstractIncomingMessage, DeadLetter]]:
    """Take letters one after the other; those that are not settled go back when the channel closes."""
    inbox = await channel.get_queue(queue, ensure=False)
    for _ in range(min(limit, MAX_SEEN)):
        message = await inbox.get(fail=False, timeout=ANSWER_SECONDS)
        if message is None:
            return
        yield message, dead_letter(message, queue)
