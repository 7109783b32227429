"""A small tracer provider behind OpenTelemetry's API; `TELEMETRY=stock` takes the SDK's instead."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import getrandbits
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, SpanLimits
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes, AttributeValue

from observability.propagation import exception_attributes

RANDOM = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
KNOWN = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID  # the others are zero in what we send
UNSET = Status()


@dataclass(eq=False)
class LeanSpan(trace.Span):
    """A span with what an exporter reads of a `ReadableSpan`; what exceeds a limit is dropped."""

    provider: "LeanTracerProvider"
    instrumentation_scope: InstrumentationScope
    name: str
    context: SpanContext
    parent: SpanContext | None
    kind: SpanKind
    start_time: int
    end_time: int | None = None
    status: Status = UNSET
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    dropped_attributes = dropped_events = dropped_links = 0

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        if self.end_time is not None:
            return
        self.attributes.update(_copied(attributes))
        most = self.provider.limits.max_span_attributes
        while most is not None and len(self.attributes) > most:
            self.attributes.popitem()
            self.dropped_attributes += 1

    def update_name(self, name: str) -> None:
        self.name = name if self.end_time is None else self.name

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self.end_time is not None:
            return
        if len(self.events) == self.provider.limits.max_events:
            self.dropped_events += 1
        else:
            self.events.append(Event(name, _copied(attributes), timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self.end_time is not None or not (context.is_valid or attributes):
            return
        if len(self.links) == self.provider.limits.max_links:
            self.dropped_links += 1
        else:
            self.links.append(Link(context, _copied(attributes)))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        new = Status(status, description) if isinstance(status, StatusCode) else status
        final = self.end_time is not None or self.status.status_code is StatusCode.OK
        self.status = self.status if final or new.is_unset else new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: ARG002, FBT001, FBT002 - the API's signature
    ) -> None:
        self.add_event("exception", {**exception_attributes(exception), **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self.end_time is None:
            self.end_time = end_time or time_ns()
            self.provider.on_end(self)


def _copied(attributes: Attributes) -> Mapping[str, Any]:
    """Return attributes that nobody else can change any more, nor a list in them."""
    if not attributes or list not in map(type, attributes.values()):
        return dict(attributes or {})
    return {key: tuple(value) if type(value) is list else value for key, value in attributes.items()}


@dataclass(frozen=True)
class LeanTracer(trace.Tracer):
    """Starts the spans of one instrumentation."""

    scope: InstrumentationScope
    provider: "LeanTracerProvider"

    def start_span(  # noqa: PLR0913, PLR0917 - the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        *_: object,
        **__: object,  # what is to be done with exceptions, which is up to `use_span`
    ) -> trace.Span:
        """Return a new span, one that records nothing if the sampler drops its trace."""
        found = trace.get_current_span(context).get_span_context()
        parent = found if found.is_valid else None
        trace_id = parent.trace_id if parent else getrandbits(128) or 1
        # Trace ids that begin here are random (https://www.w3.org/TR/trace-context-2/#trace-flags).
        flags, state = TraceFlags(found.trace_flags & KNOWN) if parent else RANDOM, found.trace_state or None
        if parent is None or self.provider.sampler is not DEFAULT_ON:  # which keeps what the parent keeps
            result = self.provider.sampler.should_sample(context, trace_id, name, kind, attributes, links)
            sampled, state = result.decision is Decision.RECORD_AND_SAMPLE, result.trace_state
            flags = TraceFlags(flags | TraceFlags.SAMPLED if sampled else flags & ~TraceFlags.SAMPLED)
        own = SpanContext(trace_id, getrandbits(64) or 1, False, flags, state)  # noqa: FBT003 - not remote
        if not flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(own)
        span = LeanSpan(self.provider, self.scope, name, own, parent, kind, start_time or time_ns())
        if attributes:
            span.set_attributes(attributes)
        for link in links or ():
            span.add_link(link.context, link.attributes)
        return span

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **options: Any) -> Iterator[trace.Span]:  # type: ignore[override]  # noqa: ANN401 - the API's is a decorator for async functions, too
        """Make a new span the current one while the block runs."""
        end_on_exit = options.pop("end_on_exit", True)
        on_error = [options.get(name, True) for name in ("record_exception", "set_status_on_exception")]
        with trace.use_span(self.start_span(name, *args, **options), end_on_exit, *on_error) as span:
            yield span


@dataclass(frozen=True)
class LeanTracerProvider(trace.TracerProvider):
    """Makes tracers whose ended spans all go one way; `OTEL_SPAN_*_LIMIT` say how much a span may hold."""

    on_end: Callable[[LeanSpan], None]
    sampler: Sampler = DEFAULT_ON
    limits: SpanLimits = field(default_factory=SpanLimits)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> LeanTracer:
        """Return a tracer for an instrumentation."""
        version = instrumenting_library_version or ""
        scope = InstrumentationScope(instrumenting_module_name, version, schema_url, attributes)
        return LeanTracer(scope, self)
