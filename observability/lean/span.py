"""A span that is recorded: what it is told is kept in a plain dict and lists until it is exported."""

import logging
import traceback
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import Event, SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import AnyValue, Attributes

UNCHANGEABLE = frozenset((str, bool, int, float))
_log = logging.getLogger(__name__)


class SpanConfig(NamedTuple):
    """What all spans of a tracer have in common."""

    scope: InstrumentationScope
    limits: SpanLimits
    on_end: "Callable[[LeanSpan], None]"


class LeanSpan(Span):
    """A span with those attributes of the SDK's `ReadableSpan` that an exporter reads.

    Its methods are the API's. What goes beyond the specification's limits on numbers is dropped.
    """

    dropped_attributes = dropped_events = dropped_links = 0
    status = Status()
    end_time: int | None = None

    def __init__(  # noqa: PLR0913, PLR0917 - all that a span begins with
        self,
        config: SpanConfig,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Attributes,
        start_time: int | None,
    ) -> None:
        self.instrumentation_scope, self._limits, self._on_end = config
        self.name, self.context, self.parent, self.kind = name, context, parent, kind
        self.attributes: dict[str, AnyValue] = {}
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.start_time = start_time or time_ns()
        if attributes:
            self.set_attributes(attributes)

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def set_attribute(self, key: str, value: AnyValue) -> None:
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        if not self._is_open():
            return
        if not UNCHANGEABLE.issuperset(map(type, attributes.values())):
            attributes = _unchangeable(attributes)
        self.attributes.update(attributes)
        most = self._limits.max_span_attributes
        while most is not None and len(self.attributes) > most:
            self.attributes.popitem()
            self.dropped_attributes += 1

    def update_name(self, name: str) -> None:
        if self._is_open():
            self.name = name

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if not self._is_open():
            return
        if len(self.events) == self._limits.max_events:
            self.dropped_events += 1
        else:
            self.events.append(Event(name, _unchangeable(attributes or {}), timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if not self._is_open() or not (context.is_valid or attributes):
            return
        if len(self.links) == self._limits.max_links:
            self.dropped_links += 1
        else:
            self.links.append(Link(context, _unchangeable(attributes or {})))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        new = Status(status, description) if isinstance(status, StatusCode) else status
        if self._is_open() and not new.is_unset and self.status.status_code is not StatusCode.OK:
            self.status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: ARG002, FBT001, FBT002 - the API's signature
    ) -> None:
        about = {
            "exception.type": type(exception).__qualname__,
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
        }
        self.add_event("exception", {**about, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._is_open():
            self.end_time = end_time or time_ns()
            self._on_end(self)

    def _is_open(self) -> bool:
        if self.end_time is not None:
            _log.warning("the span %r has ended and can no longer change", self.name)
        return self.end_time is None


def _unchangeable(value: Any) -> Any:  # noqa: ANN401 - whatever stands in attributes
    if isinstance(value, Mapping):
        return {str(key): _unchangeable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(_unchangeable, value))
    return value if value is None or isinstance(value, str | int | float | bytes) else str(value)
