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

from observability.lean.bounds import Bounds
from observability.lean.sampling import Sampling
from observability.lean.span import LeanSpan, Origin

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
        parent, own, sampled = self._identify(trace.get_current_span(context).get_span_context())
        if not sampled:
            return NonRecordingSpan(own)
        raised = (record_exception, set_status_on_exception)
        return LeanSpan(self._origin, name, own, parent, kind, attributes, links or (), start_time, raised)

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

    def _identify(self, parent: SpanContext) -> tuple[SpanContext | None, SpanContext, bool]:
        """Return the parent, if there is one, the context of its new child, and whether that is sampled."""
        span_id = getrandbits(64) or 1  # zero is no id
        if not parent.is_valid:
            trace_id = getrandbits(128) or 1
            sampled = self._sampling.keeps(trace_id, None)
            return (
                None,
                SpanContext(trace_id, span_id, is_remote=False, trace_flags=_ROOT_FLAGS[sampled]),
                sampled,
            )
        sampled = self._sampling.keeps(parent.trace_id, parent)
        flags = (_ROOT_FLAGS if parent.trace_flags & TraceFlags.RANDOM_TRACE_ID else _FLAGS)[sampled]
        own = SpanContext(parent.trace_id, span_id, False, flags, parent.trace_state)  # noqa: FBT003 - not remote
        return parent, own, sampled


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
