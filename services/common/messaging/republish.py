"""Copies of deliveries for a retry queue or the dead-letter queue, confirmed before the acknowledgement."""

from collections.abc import Mapping

from aiormq.abc import AbstractChannel

from services.common.errors import describe
from services.common.messaging.messages import ATTEMPT, FIRST_PUBLISHED_AT, Delivery, Settlement, now_ms
from services.common.messaging.properties import copy_properties
from services.common.messaging.publisher import publish
from services.common.messaging.topology import Subscription


async def republish(
    channel: AbstractChannel, subscription: Subscription, delivery: Delivery, settlement: Settlement
) -> None:
    """Copy a delivery to the queue that was decided on; then the original may be acknowledged.

    Raises:
        AMQPError, ConnectionError, TimeoutError: The copy is not confirmed.
    """
    added: Mapping[str, object]
    if settlement.action == "retry":
        queue = subscription.retry_queue(delivery.attempt)
        added = {ATTEMPT: delivery.attempt + 1, "x-retry-reason": settlement.outcome}
    else:
        queue = subscription.dead_letter_queue
        added = dead_letter_headers(subscription.queue, settlement)
    headers = {FIRST_PUBLISHED_AT: now_ms(), **delivery.headers, **added, **settlement.context}
    # Not the default exchange: who may publish there may write into every queue.
    await publish(channel, subscription.exchange, queue, delivery.body, copy_properties(delivery, headers))


def dead_letter_headers(queue: str, settlement: Settlement) -> Mapping[str, object]:
    """Return the headers that say why, where and when (ms of Unix time) a message was dead-lettered."""
    return {
        "x-dead-letter-reason": settlement.outcome,
        "x-dead-letter-error": describe(settlement.error) if settlement.error else "",
        "x-dead-lettered-at": now_ms(),
        "x-dead-lettered-from": queue,
    }
