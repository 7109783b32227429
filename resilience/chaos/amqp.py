"""The harness's own access to RabbitMQ: it duplicates, steals and adds messages, and reads dead letters."""

import asyncio
import copy
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
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
BROKER_TIMEOUT_SECONDS = 180.0
"""The harness itself may have killed the broker, which on a busy machine is back after a minute."""
TIMEOUT_SECONDS = 5.0
PAUSE_SECONDS = 0.5
logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # brokers are stopped on purpose here
ERRORS = (AMQPError, ConnectionError, OSError, TimeoutError, asyncio.InvalidStateError, RuntimeError)
"""What aio-pika raises when a broker does not answer."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue."""

    queue: str
    reason: str
    order_id: str
    """The order that it names; empty when it names none."""
    body: str


@dataclass(frozen=True, slots=True)
class Brokers:
    """Connects to the brokers past the proxies."""

    addresses: Sequence[str]

    async def run(self, work: Callable[[AbstractChannel], Awaitable[T]]) -> T:
        """Do something on a channel of the first broker that answers; start again when that broker is lost.

        Raises:
            TimeoutError: It could not be done in time.
        """
        clock, trouble = asyncio.get_running_loop().time, None
        deadline = clock() + BROKER_TIMEOUT_SECONDS
        while clock() < deadline:
            for address in self.addresses:
                try:
                    async with (
                        await aio_pika.connect(address, timeout=TIMEOUT_SECONDS) as connection,
                        connection.channel(on_return_raises=True) as channel,
                    ):
                        return await work(channel)
                except ERRORS as error:
                    trouble = error
            await asyncio.sleep(PAUSE_SECONDS)
        raise TimeoutError(f"no broker did it within {BROKER_TIMEOUT_SECONDS:.0f} s: {trouble!r}")


async def keep_copies(channel: AbstractChannel) -> None:
    """Have the broker keep a copy of the latest events, so that some can be published again."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-max-length": MAX_COPIES}
    queue = await channel.declare_queue(COPIES, durable=True, arguments=arguments, timeout=TIMEOUT_SECONDS)
    await queue.bind(EXCHANGE, "#", timeout=TIMEOUT_SECONDS)


async def duplicate(channel: AbstractChannel, *, count: int) -> int:
    """Publish up to `count` of the latest events again, unchanged, and return how many were published."""
    queue = await channel.get_queue(COPIES, ensure=False)
    exchange = await channel.get_exchange(EXCHANGE, ensure=False)
    for done in range(count):
        message = await queue.get(no_ack=True, fail=False, timeout=TIMEOUT_SECONDS)
        if message is None:
            return done
        await exchange.publish(copy.copy(message), message.routing_key or "", timeout=TIMEOUT_SECONDS)
    return count


async def steal(channel: AbstractChannel, *, queue: str, seconds: float) -> int:
    """Take events out of a queue for a while, as a stray consumer would, and return how many.

    Poison messages stay in the queue, because the ledger accounts for each of them.
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


async def dead_letters(channel: AbstractChannel) -> list[DeadLetter]:
    """Return all dead letters, and leave them in their queues."""
    found = list[DeadLetter]()
    for name in WORK_QUEUES:
        queue = await channel.get_queue(f"{name}.dlq", ensure=False)
        # Not acknowledged: when the channel is closed, RabbitMQ requeues them all.
        while (message := await queue.get(fail=False, timeout=TIMEOUT_SECONDS)) is not None:
            found.append(_dead_letter(queue.name, message))
    return found


def _dead_letter(queue: str, message: AbstractIncomingMessage) -> DeadLetter:
    text = message.body.decode(errors="replace")
    try:
        order_id = str(json.loads(text)["data"]["order_id"])
    except (ValueError, TypeError, KeyError):
        order_id = ""
    return DeadLetter(queue, str(message.headers.get("x-dead-letter-reason", "")), order_id, text)
