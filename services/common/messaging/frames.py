"""The frames of a message that is published, as AMQP 0-9-1 has them.

Frames: section 4.2 of https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf; a content header begins with
its class, a weight of zero, the body's size, and a bit for each property that follows.

pamqp, which aio-pika writes with, asks of each property and header which type it has and how that is encoded:
about a sixth of the CPU time of an order. Events always have the same properties, and only text and whole
numbers in their headers, so here they are written one after the other. A test holds both to the same content.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import Struct
from time import time
from typing import NamedTuple

from aio_pika import Message
from pamqp.commands import Basic
from pamqp.encode import long_string, short_string, table_integer
from pamqp.frame import marshal

from services.common.messaging.messages import Outgoing

METHOD, HEADER, BODY, END = 1, 2, 3, b"\xce"
BASIC, ACK = 60, 80
_begin_frame = Struct(">BHI").pack  # type, channel, size
_begin_content = Struct(">HHQ").pack  # class, weight, body size
_acknowledge = Struct(">HHQB").pack  # class, method, delivery tag, whether all before it too
_flags = Struct(">H").pack
_seconds = Struct(">Q").pack
_size = Struct(">I").pack

_PRESENT = _flags(
    sum(
        Basic.Properties.flags[name]
        for name in (
            "content_type",
            "headers",
            "delivery_mode",
            "correlation_id",
            "message_id",
            "timestamp",
            "message_type",
            "app_id",
        )
    )
)
_JSON = short_string("application/json")
_PERSISTENT = b"\x02"

# Headers have few names, and events few types.
_name = lru_cache(maxsize=256)(short_string)


class Content(NamedTuple):
    """What a message consists of beside its address."""

    properties: bytes
    body: bytes


Encode = Callable[[Outgoing], Content]
"""Returns how a message is sent; raises whatever hinders that."""


def event(app_id: str) -> Encode:
    """Return what encodes the events of a service, with the properties that `contracts/asyncapi.yaml` names.

    Raises, when called:
        TypeError: A text is longer than AMQP's short strings (255 bytes), or a number than 64 bits.
        UnicodeEncodeError: A text has no encoding in UTF-8.
    """
    sender = short_string(app_id)

    def encode(message: Outgoing) -> Content:
        # In the order of their bits.
        properties = (
            _PRESENT,
            _JSON,
            _table(message.headers),
            _PERSISTENT,
            short_string(message.correlation_id),
            short_string(message.message_id),
            _seconds(int(time())),
            _name(message.routing_key),
            sender,
        )
        return Content(b"".join(properties), message.body)

    return encode


def content(message: Message) -> Content:
    """Return how any other message is sent."""
    return Content(message.properties.marshal(), message.body)


def frames(channel: int, address: tuple[str, str], message: Content, max_size: int) -> bytes:
    """Return all frames of a message that is to be returned when no queue takes it.

    Args:
        channel: The number of the channel.
        address: Exchange and routing key.
        message: What to send.
        max_size: Bytes of the body that one frame may hold.
    """
    properties, body = message
    parts = [
        _publish(channel, *address),
        _frame(HEADER, channel, _begin_content(BASIC, 0, len(body)) + properties),
    ]
    parts += [_frame(BODY, channel, body[at : at + max_size]) for at in range(0, len(body), max_size)]
    return b"".join(parts)


def acknowledgement(channel: int, tag: int) -> bytes:
    """Return the frame by which one delivery is acknowledged, and no earlier one."""
    return _frame(METHOD, channel, _acknowledge(BASIC, ACK, tag, 0))


@lru_cache(maxsize=256)
def _publish(channel: int, exchange: str, routing_key: str) -> bytes:
    return marshal(Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True), channel)


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return b"".join((_begin_frame(kind, channel, len(payload)), payload, END))


def _table(headers: Mapping[str, str | int]) -> bytes:
    parts = []
    for name, value in headers.items():
        parts.append(_name(name))
        parts.append(b"S" + long_string(value) if isinstance(value, str) else table_integer(value))
    fields = b"".join(parts)
    return _size(len(fields)) + fields
