"""Exchanges and queues: a queue, its retry queues and its dead-letter queue, declared by who reads it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

EXCHANGE = "orders"
RETRY_DELAYS_SECONDS = (1, 5, 30)
"""How long each retry waits; one queue a delay, because a TTL per message would block behind the head."""
MAX_QUEUE_LENGTH = 100_000
"""Past it the broker refuses to confirm, the outbox keeps the message, and in the end the api answers 503."""
DELIVERY_LIMIT = 20
"""Redeliveries after which the broker itself dead-letters: a guard against messages that kill consumers."""
GIVE_UP_AFTER = 15
"""Redeliveries after which a consumer gives a message up itself, so that its order is failed as well."""
DECLARE_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue and the routing keys bound to it."""

    queue: str
    routing_keys: Sequence[str]

    @property
    def dead_letter_queue(self) -> str:
        """The queue for what cannot be processed."""
        return f"{self.queue}.dlq"

    def retry_queue(self, attempt: int) -> str:
        """Return the queue in which a message waits after its n-th attempt failed."""
        delay = RETRY_DELAYS_SECONDS[min(attempt, len(RETRY_DELAYS_SECONDS)) - 1]
        return f"{self.queue}.retry.{delay}s"


async def declare_exchange(channel: AbstractChannel) -> AbstractExchange:
    """Declare the topic exchange that all events go through."""
    return await channel.declare_exchange(
        EXCHANGE, ExchangeType.TOPIC, durable=True, timeout=DECLARE_TIMEOUT_SECONDS
    )


async def declare_subscription(channel: AbstractChannel, subscription: Subscription) -> None:
    """Declare a queue with its retry and dead-letter queues, and bind it; a no-op when all is there.

    Everything is a durable quorum queue, and dead-lettering between them is at least once, which RabbitMQ
    offers only together with `reject-publish` (https://www.rabbitmq.com/docs/quorum-queues#dead-lettering).
    """
    exchange = await declare_exchange(channel)
    await _declare(channel, subscription.dead_letter_queue)
    limits = {"x-delivery-limit": DELIVERY_LIMIT}
    queue = await _declare(
        channel, subscription.queue, dead_letter_to=subscription.dead_letter_queue, arguments=limits
    )
    for delay in RETRY_DELAYS_SECONDS:
        await _declare(
            channel,
            f"{subscription.queue}.retry.{delay}s",
            dead_letter_to=subscription.queue,
            arguments={"x-message-ttl": delay * 1000},
        )
    for key in subscription.routing_keys:
        await queue.bind(exchange, key, timeout=DECLARE_TIMEOUT_SECONDS)


async def waiting_messages(channel: AbstractChannel, queue: str) -> int:
    """Return how many messages wait in a queue to be delivered."""
    found = await channel.declare_queue(queue, passive=True, timeout=DECLARE_TIMEOUT_SECONDS)
    return found.declaration_result.message_count or 0


async def _declare(
    channel: AbstractChannel,
    name: str,
    *,
    dead_letter_to: str | None = None,
    arguments: dict[str, int] | None = None,
) -> AbstractQueue:
    routing: dict[str, str] = {}
    if dead_letter_to is not None:
        routing = {
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_letter_to,
            "x-dead-letter-strategy": "at-least-once",
        }
    return await channel.declare_queue(
        name,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-overflow": "reject-publish",
            "x-max-length": MAX_QUEUE_LENGTH,
            **routing,
            **(arguments or {}),
        },
        timeout=DECLARE_TIMEOUT_SECONDS,
    )
