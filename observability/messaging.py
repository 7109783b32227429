"""What the spans and metrics of sending and of processing AMQP messages have in common.

Names: https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/. Messages are a service's own classes
(`services.common.messaging.messages`), which nothing here imports.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from opentelemetry.util.types import AttributeValue

from observability.redaction import redact_text

Outgoing = TypeVar("Outgoing", bound=Any)
Delivery = TypeVar("Delivery", bound=Any)
Settlement = TypeVar("Settlement", bound=Any)
PublishBatch = Callable[[Sequence[Outgoing]], Awaitable[Sequence[BaseException | None]]]
Process = Callable[[Delivery], Awaitable[Settlement]]

LABELS = ("messaging_system", "messaging_operation_name", "messaging_destination_name", "error_type")
"""What the conventions have a metric of messaging say."""


def message_attributes(message: Any, operation: str, kind: str, name: str) -> dict[str, AttributeValue]:  # noqa: ANN401 - see above
    """Return the attributes of a span about a message; ids and keys are whatever its publisher put there."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": redact_text(name),
        "messaging.rabbitmq.destination.routing_key": redact_text(message.routing_key),
        "messaging.message.id": redact_text(message.message_id or ""),
        "messaging.message.conversation_id": redact_text(message.correlation_id or ""),
        "messaging.message.body.size": len(message.body),
    }


@lru_cache(maxsize=1024)  # few by nature; the bound is for keys that strangers make up
def destination(exchange: str, routing_key: str, queue: str = "") -> str:
    """Return `messaging.destination.name`: exchange, key and queue, each if set and not said before."""
    return ":".join(dict.fromkeys(part for part in (exchange, routing_key, queue) if part))
