"""What precedes an acknowledgement: a copy in a retry or the dead-letter queue, confirmed by the broker."""

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

from services.common.errors import describe
from services.common.messaging.messages import (
    ATTEMPT,
    FIRST_PUBLISHED_AT,
    Settlement,
    attempt_in,
    copy_of,
    now_ms,
)
from services.common.messaging.topology import Subscription

PUBLISH_TIMEOUT_SECONDS = 4.0


async def hand_on(
    channel: AbstractChannel,
    subscription: Subscription,
    message: AbstractIncomingMessage,
    settlement: Settlement,
) -> None:
    """Copy a message to where it was decided that it goes; then the original may be acknowledged.

    Raises:
        aio_pika.exceptions.AMQPError, ConnectionError, TimeoutError: The copy is not confirmed.
    """

    async def copy(queue: str, headers: HeadersType) -> None:
        # No default exchange: who may publish there may write into every queue.
        exchange = await channel.get_exchange(subscription.exchange, ensure=False)
        told = {FIRST_PUBLISHED_AT: now_ms(), **message.headers, **headers, **settlement.context}
        await exchange.publish(copy_of(message, told), queue, mandatory=True, timeout=PUBLISH_TIMEOUT_SECONDS)

    if settlement.action == "retry":
        attempt = attempt_in(message.headers)
        headers: HeadersType = {ATTEMPT: attempt + 1, "x-retry-reason": settlement.outcome}
        await copy(subscription.retry_queue(attempt), headers)
    elif settlement.action == "dead_letter":
        headers = dead_letter_headers(subscription.queue, settlement)
        await copy(subscription.dead_letter_queue, headers)


def dead_letter_headers(queue: str, settlement: Settlement) -> HeadersType:
    """Say why, where and when a message was set aside; times are ms of Unix time."""
    return {
        "x-dead-letter-reason": settlement.outcome,
        "x-dead-letter-error": describe(settlement.error) if settlement.error else "",
        "x-dead-lettered-at": now_ms(),
        "x-dead-lettered-from": queue,
    }
