"""AMQP messages as the services see them: what arrived, what is to be sent, what becomes of a delivery."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

ATTEMPT = "x-attempt"
"""How often the message has been delivered for processing, from 1; ours, for brokers overwrite theirs."""
FIRST_PUBLISHED_AT = "x-first-published-at"
"""When the message was first published, to its outbox, in ms of Unix time; a replay begins anew."""

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values: version 00, no all-zero ids
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace_id>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
)
MAX_TRACEPARENT = 100


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def trace_fields(headers: Mapping[str, object]) -> dict[str, str]:
    """Return the `trace_id` and its `trace_flags` that headers name, for log lines outside of spans."""
    found = TRACEPARENT.fullmatch(str(headers.get("traceparent", ""))[:MAX_TRACEPARENT])
    return {"trace_id": found["trace_id"], "trace_flags": found["flags"]} if found else {}


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

    def log_fields(self) -> dict[str, str]:
        """Return the fields by which a log line names the message."""
        return {
            "correlation_id": self.correlation_id,
            "message_id": self.message_id,
            "routing_key": self.routing_key,
            **trace_fields(self.headers),
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as a consumer got it; whatever is optional may be missing from a stranger's message."""

    queue: str
    exchange: str
    routing_key: str
    body: bytes
    message_id: str | None
    correlation_id: str | None
    headers: Mapping[str, object]
    redelivered: bool
    type: str | None = None
    app_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    timestamp: datetime | None = None

    def log_fields(self) -> dict[str, str | None]:
        """Return the fields by which a log line names the delivery."""
        found = trace_fields(self.headers)
        return {"queue": self.queue, "correlation_id": self.correlation_id, **found}

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1; an absent or malformed count is the first."""
        return positive(self.headers.get(ATTEMPT)) or 1

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
