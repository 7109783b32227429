"""Looking into a broker, and putting things there, as tests need it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from redis.asyncio import Redis

T = TypeVar("T")
SUBSCRIPTIONS = ("worker.order-created", "notifier.order-outcome", "test.queue")
QUEUES = [
    f"{name}{suffix}"
    for name in SUBSCRIPTIONS
    for suffix in ("", ".retry.1s", ".retry.5s", ".retry.30s", ".dlq")
]


async def empty(channel: AbstractChannel, queues: Sequence[str]) -> None:
    """Delete queues, whatever is in them."""
    for queue in queues:
        await channel.queue_delete(queue)


async def message_in(channel: AbstractChannel, queue: str, *, seconds: float = 10) -> AbstractIncomingMessage:
    """Take the next message out of a queue, waiting for it."""

    async def take() -> AbstractIncomingMessage | None:
        return await (await channel.get_queue(queue, ensure=False)).get(no_ack=True, fail=False)

    return await eventually(take, seconds=seconds)


async def publish(channel: AbstractChannel, queue: str, message: aio_pika.Message) -> None:
    """Put a message straight into a queue and have it confirmed."""
    await channel.default_exchange.publish(message, queue, timeout=5)


async def entries(redis: Redis, stream: str) -> list[dict[str, str]]:
    """Return the fields of all entries of a stream."""
    found: Any = await redis.xrange(stream)
    return [fields for _, fields in found]


async def eventually(look: Callable[[], Awaitable[T | None]], *, seconds: float = 10) -> T:
    """Look until there is something, at most for so many seconds.

    Raises:
        TimeoutError: There was nothing.
    """
    async with asyncio.timeout(seconds):
        while True:
            seen = await look()
            if seen:
                return seen
            await asyncio.sleep(0.05)
