"""Settling a delivery: acknowledged, or first copied, confirmed, to a retry or the dead-letter queue."""

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

from services.kit.errors import describe
from services.kit.messages import ATTEMPT, FIRST_PUBLISHED_AT, Settlement, from_amqp, now_ms
from services.kit.topology import Subscription

PUBLISH_TIMEOUT_SECONDS = 4.0


async def settle(
    channel: AbstractChannel,
    subscription: Subscription,
    message: AbstractIncomingMessage,
    settlement: Settlement,
) -> None:
    """Do with a message what was decided; the original is acknowledged only after its copy was confirmed.

    Raises:
        aio_pika.exceptions.AMQPError, ConnectionError, TimeoutError: Nothing was acknowledged.
    """

    async def copy(queue: str, headers: HeadersType) -> None:
        # No default exchange: who may publish there may write into every queue.
        exchange = await channel.get_exchange(subscription.exchange, ensure=False)
        copied = _copy(message, {**headers, **settlement.context})
        await exchange.publish(copied, queue, mandatory=True, timeout=PUBLISH_TIMEOUT_SECONDS)

    if settlement.action == "retry":
        attempt = from_amqp(message, subscription.queue).attempt
        headers: HeadersType = {ATTEMPT: attempt + 1, "x-retry-reason": settlement.outcome}
        await copy(subscription.retry_queue(attempt), headers)
    elif settlement.action == "dead_letter":
        headers = dead_letter_headers(subscription.queue, settlement)
        await copy(subscription.dead_letter_queue, headers)
    await message.ack()


def dead_letter_headers(queue: str, settlement: Settlement) -> HeadersType:
    """Say why, where and when a message was set aside; times are ms of Unix time."""
    return {
        "x-dead-letter-reason": settlement.outcome,
        "x-dead-letter-error": describe(settlement.error) if settlement.error else "",
        "x-dead-lettered-at": now_ms(),
        "x-dead-lettered-from": queue,
    }


def _copy(message: AbstractIncomingMessage, headers: HeadersType) -> aio_pika.Message:
    # RabbitMQ sends further copies to what CC and BCC name (https://www.rabbitmq.com/docs/sender-selected).
    original = {name: value for name, value in message.headers.items() if name.upper() not in {"CC", "BCC"}}
    kept = {FIRST_PUBLISHED_AT: now_ms(), **original}
    return aio_pika.Message(
        message.body,
        headers={**kept, **headers},
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        correlation_id=message.correlation_id,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
    )
