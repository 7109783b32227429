"""The harness' own hands in the broker: it copies messages, puts some in, and reads dead letters."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from resilience.chaos.poison import MARK

T = TypeVar("T")
EXCHANGE = "orders"
WORK_QUEUES = {"worker.order-created": "order.created.v1", "notifier.order-outcome": "order.done.v1"}
"""The queues that services read, and a type of event that belongs there."""
COPIES = "chaos.copies"
MAX_COPIES = 300
MAX_STOLEN = 50
PATIENCE_SECONDS = 180.0
"""Of the harness itself: it may have killed the broker, which on a busy machine is back after a minute."""
TIMEOUT_SECONDS = 5.0
PAUSE_SECONDS = 0.5
logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # brokers are away on purpose here
ERRORS = (AMQPError, ConnectionError, OSError, TimeoutError, asyncio.InvalidStateError, RuntimeError)
"""What a broker that is away looks like to a client."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter."""

    queue: str
    reason: str
    order_id: str
    """The order that it names; empty when it names none."""
    body: str


@dataclass(frozen=True, slots=True)
class Mailman:
    """Reaches the brokers past the proxies; one that is away is waited for."""

    addresses: Sequence[str]

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Yield a channel on the first broker that answers.

        Raises:
            TimeoutError: None did.
        """
        connection = await self._connect()
        async with connection, connection.channel(on_return_raises=True) as channel:
            yield channel

    async def _connect(self) -> aio_pika.abc.AbstractConnection:
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            for address in self.addresses:
                try:
                    return await aio_pika.connect(address, timeout=TIMEOUT_SECONDS)
                except ERRORS:
                    continue
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"no broker answered within {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(PAUSE_SECONDS)

    async def insist(self, work: Callable[[AbstractChannel], Awaitable[T]]) -> T:
        """Do something on a channel, from the beginning when the broker goes away meanwhile.

        Raises:
            TimeoutError: It could not be done in time.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                async with self.channel() as channel:
                    return await work(channel)
            except ERRORS as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise TimeoutError(f"the broker did not do it in time: {error!r}") from error
            await asyncio.sleep(PAUSE_SECONDS)


async def keep_copies(channel: AbstractChannel) -> None:
    """Have the broker keep a copy of the latest events, so that some can be delivered twice."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-max-length": MAX_COPIES}
    queue = await channel.declare_queue(COPIES, durable=True, arguments=arguments, timeout=TIMEOUT_SECONDS)
    await queue.bind(EXCHANGE, "#", timeout=TIMEOUT_SECONDS)


async def duplicate(channel: AbstractChannel, *, count: int) -> int:
    """Publish copies of up to so many of the latest events, unchanged, and return how many."""
    queue = await channel.get_queue(COPIES, ensure=False)
    exchange = await channel.get_exchange(EXCHANGE, ensure=False)
    for done in range(count):
        message = await queue.get(no_ack=True, fail=False, timeout=TIMEOUT_SECONDS)
        if message is None:
            return done
        await exchange.publish(_copy(message), message.routing_key or "", timeout=TIMEOUT_SECONDS)
    return count


async def steal(channel: AbstractChannel, *, queue: str, seconds: float) -> int:
    """Take events out of a queue for so many seconds, as a stray consumer would, and return how many.

    Poison is left where it is, and accounted for.
    """
    taken = 0

    async def take(message: AbstractIncomingMessage) -> None:
        nonlocal taken
        if MARK.encode() not in message.body:
            await message.ack()
            taken += 1

    victim = await channel.get_queue(queue, ensure=False)
    await channel.set_qos(prefetch_count=MAX_STOLEN, timeout=TIMEOUT_SECONDS)
    await victim.consume(take, timeout=TIMEOUT_SECONDS)
    await asyncio.sleep(seconds)
    return taken


async def put(channel: AbstractChannel, *, queue: str, messages: Sequence[aio_pika.Message]) -> None:
    """Put messages straight into a queue, each confirmed."""
    for message in messages:
        await channel.default_exchange.publish(message, queue, timeout=TIMEOUT_SECONDS)


async def dead_letters(channel: AbstractChannel) -> list[Letter]:
    """Return all dead letters, and leave them where they are."""
    return [letter for name in WORK_QUEUES for letter in await _look(channel, f"{name}.dlq")]


def _copy(message: AbstractIncomingMessage) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        headers=message.headers,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        correlation_id=message.correlation_id,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
    )


async def _look(channel: AbstractChannel, queue_name: str) -> list[Letter]:
    queue = await channel.get_queue(queue_name, ensure=False)
    seen = list[AbstractIncomingMessage]()
    # Unacknowledged until the channel is closed: then they all return.
    while (message := await queue.get(fail=False, timeout=TIMEOUT_SECONDS)) is not None:
        seen.append(message)
    return [_letter(queue_name, message) for message in seen]


def _letter(queue: str, message: AbstractIncomingMessage) -> Letter:
    text = message.body.decode(errors="replace")
    try:
        order_id = str(json.loads(text)["data"]["order_id"])
    except (ValueError, TypeError, KeyError):
        order_id = ""
    return Letter(queue, str(message.headers.get("x-dead-letter-reason", "")), order_id, text)
