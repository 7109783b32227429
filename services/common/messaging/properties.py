"""Between AMQP's properties, as aiormq under aio-pika has them, and the messages of the services."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.encode import encode_table_value

from services.common.messaging.messages import Delivery, Outgoing

Properties = spec.Basic.Properties
PERSISTENT = 2
DELIVERY_HISTORY = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
"""Headers, by how they begin, in which a broker counts what became of a message.

A copy is a new message: quorum queues would take over the count that they find in it.
"""
SENDER_SELECTED = ("CC", "BCC")
"""RabbitMQ sends further copies to what these name (https://www.rabbitmq.com/docs/sender-selected)."""


def delivery_of(message: DeliveredMessage, queue: str) -> Delivery:
    """Return what arrived, free of any library."""
    properties = message.header.properties or Properties()
    return Delivery(
        queue=queue,
        exchange=message.exchange or "",
        routing_key=message.routing_key or "",
        body=message.body,
        message_id=properties.message_id,
        correlation_id=properties.correlation_id,
        headers=properties.headers or {},
        redelivered=bool(message.redelivered),
        type=properties.message_type,
        app_id=properties.app_id,
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        timestamp=properties.timestamp,
    )


def event_properties(event: Outgoing, app_id: str) -> Properties:
    """Return the properties of an event that a service publishes, as `contracts/asyncapi.yaml` names them."""
    return Properties(
        content_type="application/json",
        headers={**event.headers},
        delivery_mode=PERSISTENT,
        correlation_id=event.correlation_id,
        message_id=event.message_id,
        timestamp=datetime.now(UTC),
        message_type=event.routing_key,
        app_id=app_id,
    )


def copy_properties(original: Delivery, headers: Mapping[str, object]) -> Properties:
    """Return the properties of a persistent copy of a delivery, with these headers instead of its own.

    They are those that describe the message; what steered the original's way is left out.
    """
    kept = {
        name: _encodable(value)
        for name, value in headers.items()
        if not name.startswith(DELIVERY_HISTORY) and name.upper() not in SENDER_SELECTED
    }
    return Properties(
        content_type=original.content_type,
        content_encoding=original.content_encoding,
        headers=kept,
        delivery_mode=PERSISTENT,
        correlation_id=original.correlation_id,
        message_id=original.message_id,
        timestamp=original.timestamp,
        message_type=original.type,
        app_id=original.app_id,
    )


def _encodable(value: object) -> Any:  # noqa: ANN401 - as varied as AMQP's tables
    """Return a header's value as it can be sent: not all that the library can read can it write."""
    kept: Any = bytearray(value) if isinstance(value, bytes) else value
    try:
        encode_table_value(kept)
    except (TypeError, ValueError, OverflowError, struct.error):
        return str(value)
    return kept
