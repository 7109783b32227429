"""Exchanges and queues: a queue, its retry queues and its dead-letter queue, declared by who reads it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue
from aio_pika.exceptions import ChannelPreconditionFailed

from services.common.errors import describe
from services.common.messaging.connection import broker_errors

EXCHANGE = "orders"
RETRY_DELAYS_SECONDS = (1, 5, 30)
"""How long each retry waits; one queue a delay, because a TTL per message would block behind the head."""
MAX_QUEUE_LENGTH = 100_000
"""Past it the broker refuses to confirm, the outbox keeps the message, and in the end the api answers 503."""
DELIVERY_LIMIT = 20
"""Redeliveries after which the broker itself dead-letters: a guard against messages that kill consumers."""
MAX_REDELIVERIES = 15
"""Redeliveries after which a consumer dead-letters a message itself, so that its order is failed as well."""
NO_DELIVERY_LIMIT = 1_000_000_000
"""For dead letters: operators look at them by taking and requeueing them, and RabbitMQ 4 drops a message
after 20 times unless a limit is set. -1, which means none there, means 0 to 3.10: what comes back once is
dropped."""
EVERY_QUEUE: Mapping[str, str | int] = {
    "x-queue-type": "quorum",
    "x-overflow": "reject-publish",
    "x-max-length": MAX_QUEUE_LENGTH,
}
"""RabbitMQ dead-letters at least once from quorum queues only, and only together with `reject-publish`
(https://www.rabbitmq.com/docs/quorum-queues#dead-lettering)."""
TIMEOUT_SECONDS = 10.0
DECLARE_TIMEOUT_SECONDS = 60.0
"""For all of a subscription's exchanges and queues: each waits for the disks of a cluster's nodes."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue and the routing keys bound to it."""

    queue: str
    routing_keys: Sequence[str]

    @property
    def exchange(self) -> str:
        """The direct exchange that leads to this subscription's queues and no others, each by its name.

        Retries and dead letters go through it: who may publish to the default exchange may write everywhere.
        """
        return self.queue

    @property
    def dead_letter_queue(self) -> str:
        """The queue for what cannot be processed."""
        return f"{self.queue}.dlq"

    def retry_queue(self, attempt: int) -> str:
        """Return the queue in which a message waits after its n-th attempt failed."""
        delay = RETRY_DELAYS_SECONDS[min(attempt, len(RETRY_DELAYS_SECONDS)) - 1]
        return f"{self.queue}.retry.{delay}s"


class TopologyConflictError(Exception):
    """A queue or exchange is there already, with other arguments than this version's."""


async def events_exchange(channel: AbstractChannel) -> AbstractExchange:
    """Return the topic exchange that all events go through; it comes with the broker's users.

    Raises:
        aio_pika.exceptions.ChannelNotFoundEntity: The broker has not been given its definitions.
    """
    with broker_errors():
        return await channel.declare_exchange(
            EXCHANGE, ExchangeType.TOPIC, passive=True, timeout=TIMEOUT_SECONDS
        )


async def waiting_messages(channel: AbstractChannel, queue: str) -> int:
    """Return how many messages wait in a queue to be delivered."""
    with broker_errors():
        found = await channel.declare_queue(queue, passive=True, timeout=TIMEOUT_SECONDS)
        return found.declaration_result.message_count or 0


async def declare_subscription(channel: AbstractChannel, subscription: Subscription) -> None:
    """Declare a subscription's exchange and queues, and bind them; a no-op when all is there.

    Raises:
        TopologyConflictError: Something of that name is there already, and is different.
    """
    try:
        with broker_errors():
            async with asyncio.timeout(DECLARE_TIMEOUT_SECONDS):
                await _declare_subscription(channel, subscription)
    except ChannelPreconditionFailed as error:
        raise TopologyConflictError(describe(error)) from error


async def _declare_subscription(channel: AbstractChannel, subscription: Subscription) -> None:
    name, dead_letters = subscription.queue, subscription.dead_letter_queue
    exchange = await channel.declare_exchange(subscription.exchange, ExchangeType.DIRECT, durable=True)

    async def declare(queue: str, arguments: Mapping[str, str | int]) -> AbstractQueue:
        declared = await channel.declare_queue(queue, durable=True, arguments={**EVERY_QUEUE, **arguments})
        await declared.bind(exchange, queue)
        return declared

    def dead_lettering_to(queue: str) -> dict[str, str | int]:
        return {
            "x-dead-letter-exchange": subscription.exchange,
            "x-dead-letter-routing-key": queue,
            "x-dead-letter-strategy": "at-least-once",
        }

    await declare(dead_letters, {"x-delivery-limit": NO_DELIVERY_LIMIT})
    queue = await declare(name, {"x-delivery-limit": DELIVERY_LIMIT, **dead_lettering_to(dead_letters)})
    for delay in RETRY_DELAYS_SECONDS:
        await declare(f"{name}.retry.{delay}s", {"x-message-ttl": delay * 1000, **dead_lettering_to(name)})
    events = await events_exchange(channel)
    for key in subscription.routing_keys:
        await queue.bind(events, key)
