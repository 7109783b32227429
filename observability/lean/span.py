"""A span that keeps what it is told in plain attributes, until it ends.

It has the names of the SDK's `ReadableSpan`, so that exporters can read both.
"""

import logging
import traceback
from collections.abc import Mapping, Sequence
from time import time_ns
from types import TracebackType
from typing import TYPE_CHECKING

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import AnyValue, Attributes

from observability.lean.attributes import Kept, kept, with_more, with_one
from observability.lean.origin import Origin

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event

_UNSET = Status()
_log = logging.getLogger(__name__)


class LeanSpan(Span):
    """A span that is recorded."""

    # What most spans keep as it is.
    links: Sequence[Link] = ()
    events: "Sequence[Event]" = ()
    status = _UNSET
    end_time: int | None = None
    raised = (True, True)
    """Whether an exception that leaves it is recorded, and whether it sets the status."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that a span begins with
        self,
        origin: Origin,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Attributes,
        start_time: int | None,
    ) -> None:
        """Start a span."""
        self.origin = origin
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.attributes: Kept = kept(attributes, origin.bounds) if attributes else {}
        self.start_time = time_ns() if start_time is None else start_time

    @property
    def resource(self) -> Resource:
        """Return who speaks."""
        return self.origin.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Return which instrumentation made the span."""
        return self.origin.scope

    @property
    def dropped_attributes(self) -> int:
        """Return how many attributes there was no room for."""
        return self.attributes.dropped if isinstance(self.attributes, BoundedAttributes) else 0

    @property
    def dropped_events(self) -> int:
        """Return how many events there was no room for."""
        return self.events.dropped if isinstance(self.events, BoundedList) else 0

    @property
    def dropped_links(self) -> int:
        """Return how many links there was no room for."""
        return self.links.dropped if isinstance(self.links, BoundedList) else 0

    def get_span_context(self) -> SpanContext:
        """Return what is propagated."""
        return self.context

    def is_recording(self) -> bool:
        """Return whether it has not ended."""
        return self.end_time is None

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set an attribute, in place of one of that name."""
        if not self._has_ended():
            self.attributes = with_one(self.attributes, key, value, self.origin.bounds)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes."""
        if not self._has_ended():
            self.attributes = with_more(self.attributes, attributes, self.origin.bounds)

    def update_name(self, name: str) -> None:
        """Give the span another name."""
        if not self._has_ended():
            self.name = name

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event."""
        if self._has_ended():
            return
        if not isinstance(self.events, BoundedList):
            self.events = self.origin.bounds.events()
        self.events.append(self.origin.bounds.event(name, attributes, timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Add a link."""
        if self._has_ended():
            return
        if not isinstance(self.links, BoundedList):
            self.links = self.origin.bounds.links(self.links)
        self.links.extend(self.origin.bounds.links([Link(context, attributes)]))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status, unless it is OK already, or the new one says nothing."""
        new = Status(status, description) if isinstance(status, StatusCode) else status
        if not (self._has_ended() or new.is_unset or self.status.status_code is StatusCode.OK):
            self.status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - the API's signature
    ) -> None:
        """Add an exception as an event, named as semconv/exceptions has it."""
        module, name = type(exception).__module__, type(exception).__qualname__
        told = {
            "exception.type": name if module in {"", "builtins"} else f"{module}.{name}",
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**told, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span: from here on nothing changes, and it can be exported."""
        if not self._has_ended():
            self.end_time = time_ns() if end_time is None else end_time
            self.origin.on_end(self)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """End the span, and tell of an exception that leaves the block."""
        if exc_val is not None and self.end_time is None:
            record, set_status = self.raised
            if record:
                self.record_exception(exc_val, escaped=True)
            if set_status:
                self.set_status(Status(StatusCode.ERROR, f"{type(exc_val).__name__}: {exc_val}"))
        super().__exit__(exc_type, exc_val, exc_tb)

    def _has_ended(self) -> bool:
        if self.end_time is None:
            return False
        _log.warning("the span %r has ended and can no longer change", self.name)
        return True
