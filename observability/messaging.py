"""What the spans and metrics of sending and of processing AMQP messages have in common.

Names: https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from opentelemetry.util.types import AttributeValue


class OutgoingMessage(Protocol):
    """A message on its way out; its headers may be added to."""

    @property
    def exchange(self) -> str: ...  # noqa: D102
    @property
    def routing_key(self) -> str: ...  # noqa: D102
    @property
    def message_id(self) -> str: ...  # noqa: D102
    @property
    def correlation_id(self) -> str: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102
    @property
    def headers(self) -> MutableMapping[str, str | int]: ...  # noqa: D102


class IncomingMessage(Protocol):
    """A message as it was delivered."""

    @property
    def queue(self) -> str: ...  # noqa: D102
    @property
    def exchange(self) -> str: ...  # noqa: D102
    @property
    def routing_key(self) -> str: ...  # noqa: D102
    @property
    def message_id(self) -> str | None: ...  # noqa: D102
    @property
    def correlation_id(self) -> str | None: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, object]: ...  # noqa: D102
    @property
    def attempt(self) -> int: ...  # noqa: D102
    @property
    def first_published_at(self) -> int | None: ...  # noqa: D102


class Settlement(Protocol):
    """What was decided about a delivery."""

    @property
    def action(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> str: ...  # noqa: D102
    @property
    def error(self) -> BaseException | None: ...  # noqa: D102
    @property
    def context(self) -> MutableMapping[str, str]: ...  # noqa: D102


Out = TypeVar("Out", bound=OutgoingMessage)
In = TypeVar("In", bound=IncomingMessage)
Settled = TypeVar("Settled", bound=Settlement)
PublishBatch = Callable[[Sequence[Out]], Awaitable[Sequence[BaseException | None]]]
Process = Callable[[In], Awaitable[Settled]]

RABBITMQ = "rabbitmq"
SYSTEM: Mapping[str, AttributeValue] = {"messaging.system": RABBITMQ}
OPERATION_LABELS = ("messaging_system", "messaging_operation_name")
"""What the conventions have every metric of messaging say."""
UNEXPECTED = "_other"
"""Stands in labels for a routing key that nobody declared."""


@lru_cache(maxsize=1024)  # few by nature; the bound is for keys that strangers make up
def destination(exchange: str, routing_key: str, queue: str = "") -> str:
    """Return `messaging.destination.name`: exchange, key and queue, each if set and not said before."""
    return ":".join(dict.fromkeys(part for part in (exchange, routing_key, queue) if part))
