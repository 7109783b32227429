"""Settling a delivery: acknowledged, or first copied, confirmed, to a retry or the dead-letter queue."""

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

from services.kit.errors import describe
from services.kit.messages import ATTEMPT, FIRST_PUBLISHED_AT, Settlement, copy_of, from_amqp, now_ms
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
        told = {FIRST_PUBLISHED_AT: now_ms(), **message.headers, **headers, **settlement.context}
        await exchange.publish(copy_of(message, told), queue, mandatory=True, timeout=PUBLISH_TIMEOUT_SECONDS)

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
