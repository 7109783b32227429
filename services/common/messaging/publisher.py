"""Publishing with confirms, many messages in flight at once.

The channel is aiormq's, which aio-pika's `get_underlay_channel` returns: it needs no object for each message
and no wait until the socket has drained, and so 54 µs of CPU a message instead of 78.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from aiormq.abc import AbstractChannel

from services.common.messaging.connection import broker_errors
from services.common.messaging.messages import Outgoing, PublishBatch
from services.common.messaging.properties import Properties

if TYPE_CHECKING:
    from aiormq import Channel

PUBLISH_TIMEOUT_SECONDS = 5.0
MAX_IN_FLIGHT = 100


async def publish(
    channel: AbstractChannel, exchange: str, routing_key: str, body: bytes, properties: Properties
) -> None:
    """Publish one message, and return when the broker has confirmed it.

    Raises:
        DeliveryError: No queue takes the message, or its queue is full.
        AMQPError, ConnectionError, TimeoutError: The broker went away, or does not confirm in time: it may
            have the message all the same.
        TypeError, ValueError: AMQP has no form for a property or a header.
    """
    with broker_errors():
        await cast("Channel", channel).basic_publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            properties=properties,
            mandatory=True,
            timeout=PUBLISH_TIMEOUT_SECONDS,
            wait=False,  # the confirm is waited for in any case
        )


def publisher(
    channel: AbstractChannel, exchange: str, properties: Callable[[Outgoing], Properties]
) -> PublishBatch:
    """Return a function that publishes messages to an exchange and returns the result of each."""

    async def publish_one(message: Outgoing) -> None:
        await publish(channel, exchange, message.routing_key, message.body, properties(message))

    async def publish_batch(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        results: list[BaseException | None] = []
        for batch in _batches(messages):
            results += await asyncio.gather(*map(publish_one, batch), return_exceptions=True)
        return results

    return publish_batch


def _batches(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Yield the messages in batches in which no id stands twice: by it the channel knows a returned one."""
    batch: dict[str, Outgoing] = {}
    for message in messages:
        if message.message_id in batch or len(batch) == MAX_IN_FLIGHT:
            yield [*batch.values()]
            batch = {}
        batch[message.message_id] = message
    yield [*batch.values()]
