"""The provider and its tracers: who starts spans, and which of them are recorded."""

from collections.abc import Callable, Iterator, Sequence
from random import getrandbits

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    TracerProvider,
)
from opentelemetry.util._decorator import _agnosticcontextmanager  # what the API's own tracers are made with
from opentelemetry.util.types import Attributes

from observability.at_hand import span_context
from observability.lean.bounds import Bounds
from observability.lean.origin import Origin
from observability.lean.sampling import Sampling
from observability.lean.span import LeanSpan

# By whether the span is sampled; trace ids are random here (https://www.w3.org/TR/trace-context-2/#trace-flags).
_ROOT_FLAGS = (
    TraceFlags(TraceFlags.RANDOM_TRACE_ID),
    TraceFlags(TraceFlags.RANDOM_TRACE_ID | TraceFlags.SAMPLED),
)
_FLAGS = (TraceFlags(TraceFlags.DEFAULT), TraceFlags(TraceFlags.SAMPLED))


class LeanTracer(Tracer):
    """Starts the spans of one instrumentation."""

    def __init__(self, origin: Origin, sampling: Sampling) -> None:
        """Keep what all of its spans have in common."""
        self._origin = origin
        self._sampling = sampling

    def start_span(  # noqa: PLR0913, PLR0917 - the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002
    ) -> Span:
        """Return a new span, one that records nothing if its trace is not kept."""
        parent = span_context(context)
        own = self._child(parent)
        if not own.trace_flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(own)
        span = LeanSpan(
            self._origin, name, own, parent if parent.is_valid else None, kind, attributes, start_time
        )
        if links:
            span.links = self._origin.bounds.kept_links(links)
        if not (record_exception and set_status_on_exception):
            span.raised = (record_exception, set_status_on_exception)
        return span

    @_agnosticcontextmanager
    def start_as_current_span(  # noqa: PLR0913, PLR0917 - the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002
        end_on_exit: bool = True,  # noqa: FBT001, FBT002
    ) -> Iterator[Span]:
        """Make a new span the current one while the block runs."""
        span = self.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span

    def _child(self, parent: SpanContext) -> SpanContext:
        """Return the context of a new span below this one, or of a trace's first if this is none."""
        span_id = getrandbits(64) or 1  # zero is no id
        trace_id, _, _, flags, state, is_valid = parent
        if is_valid:
            sampled = self._sampling.keeps(trace_id, parent)
            flags = (_ROOT_FLAGS if flags & TraceFlags.RANDOM_TRACE_ID else _FLAGS)[sampled]
            return SpanContext(trace_id, span_id, False, flags, state)  # noqa: FBT003 - not remote
        trace_id = getrandbits(128) or 1
        return SpanContext(trace_id, span_id, False, _ROOT_FLAGS[self._sampling.keeps(trace_id, None)])  # noqa: FBT003


class LeanTracerProvider(TracerProvider):
    """Makes tracers whose ended spans all go one way."""

    def __init__(
        self,
        resource: Resource,
        on_end: Callable[[LeanSpan], None],
        *,
        sampling: Sampling | None = None,
        limits: SpanLimits | None = None,
        shutdown: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep what all tracers have in common; limits are by default what `OTEL_SPAN_*_LIMIT` say."""
        self.resource = resource
        self.shutdown = shutdown
        self._on_end = on_end
        self._sampling = sampling or Sampling()
        self._bounds = Bounds(limits or SpanLimits())

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """Return a tracer for an instrumentation."""
        version = instrumenting_library_version or ""
        scope = InstrumentationScope(instrumenting_module_name, version, schema_url, attributes)
        return LeanTracer(Origin(self.resource, scope, self._bounds, self._on_end), self._sampling)
