"""AMQP messages as the services see them: what arrived, what is to be sent, what becomes of a delivery."""

import re
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from pamqp.encode import encode_table_value

ATTEMPT = "x-attempt"
"""How often the message has been delivered for processing, from 1; ours, for brokers overwrite theirs."""
FIRST_PUBLISHED_AT = "x-first-published-at"
"""When the message first went to the broker, in ms of Unix time."""


# https://www.w3.org/TR/trace-context/#traceparent-header-field-values: version 00, no all-zero ids
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace_id>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
MAX_TRACEPARENT = 100


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def trace_fields(headers: Mapping[str, object]) -> dict[str, str]:
    """Return the `trace_id` that a message's headers name, for log lines outside of its spans."""
    found = TRACEPARENT.fullmatch(str(headers.get("traceparent", ""))[:MAX_TRACEPARENT])
    return {"trace_id": found["trace_id"]} if found else {}


def attempt_in(headers: Mapping[str, object]) -> int:
    """Return which attempt a message is for, from 1; an absent or malformed count is the first."""
    return positive(headers.get(ATTEMPT)) or 1


def positive(value: object) -> int:
    """Return a number above zero that a header holds, or 0; a bool is none, whatever Python says."""
    return value if type(value) is int and value > 0 else 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to an exchange."""

    entry: str
    """The outbox entry it came from."""
    exchange: str
    routing_key: str
    message_id: str
    correlation_id: str
    body: bytes
    headers: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as a consumer got it."""

    queue: str
    exchange: str
    routing_key: str
    body: bytes
    message_id: str | None
    correlation_id: str | None
    headers: Mapping[str, object]
    redelivered: bool

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1; an absent or malformed count is the first."""
        return attempt_in(self.headers)

    @property
    def redeliveries(self) -> int:
        """How often the broker has delivered it again because nobody settled it, as quorum queues count.

        On a first delivery the header is its publisher's.
        """
        return positive(self.headers.get("x-delivery-count")) if self.redelivered else 0

    @property
    def first_published_at(self) -> int | None:
        """When the message was first published, in ms of Unix time, if the header is well formed."""
        return positive(self.headers.get(FIRST_PUBLISHED_AT)) or None


@dataclass(slots=True)
class Settlement:
    """What becomes of a delivery once it was processed."""

    action: Literal["ack", "retry", "dead_letter"]
    outcome: str
    """One word for what happened: the use case's result, or the reason of a retry or a dead letter."""
    error: BaseException | None = None
    context: dict[str, str] = field(default_factory=dict)
    """Headers that a republished copy carries in addition: the trace context of this attempt."""


Process: TypeAlias = Callable[[Delivery], Awaitable[Settlement]]
PublishBatch: TypeAlias = Callable[[Sequence[Outgoing]], Awaitable[Sequence[BaseException | None]]]
"""Sends messages and returns, in their order, None for a confirmed one and the error of any other."""


def copy_of(
    message: AbstractIncomingMessage, headers: Mapping[str, object], message_id: str | None = None
) -> aio_pika.Message:
    """Return a persistent copy of a message, with these headers; with this id where it has none."""
    # RabbitMQ sends further copies to what CC and BCC name (https://www.rabbitmq.com/docs/sender-selected).
    kept = {name: _sent(value) for name, value in headers.items() if name.upper() not in {"CC", "BCC"}}
    return aio_pika.Message(
        message.body,
        headers=kept,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        correlation_id=message.correlation_id,
        message_id=message.message_id or message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=message.app_id,
    )


def _sent(value: object) -> Any:  # noqa: ANN401 - as varied as AMQP's tables
    """Return a header's value as it can be sent: not all that the library can read can it write."""
    kept: Any = bytearray(value) if isinstance(value, bytes) else value
    try:
        encode_table_value(kept)
    except (TypeError, ValueError, OverflowError, struct.error):
        return str(value)
    return kept
