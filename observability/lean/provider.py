"""The provider and its tracers: who starts spans, and which of them are recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import getrandbits
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import Attributes

from observability.lean.span import LeanSpan, SpanConfig

RANDOM = TraceFlags(TraceFlags.RANDOM_TRACE_ID)


class LeanTracer(trace.Tracer):
    """Starts the spans of one instrumentation."""

    def __init__(self, config: SpanConfig, sampler: Sampler) -> None:
        self._config = config
        self._sampler = sampler

    def start_span(  # noqa: PLR0913, PLR0917 - the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: ARG002, FBT001, FBT002
        set_status_on_exception: bool = True,  # noqa: ARG002, FBT001, FBT002
    ) -> Span:
        """Return a new span, one that records nothing if the sampler drops its trace."""
        found = trace.get_current_span(context).get_span_context()
        parent = found if found.is_valid else None
        trace_id = parent.trace_id if parent else getrandbits(128) or 1
        # Trace ids that begin here are random (https://www.w3.org/TR/trace-context-2/#trace-flags).
        flags, state = parent.trace_flags if parent else RANDOM, parent.trace_state if parent else None
        if parent is None or self._sampler is not DEFAULT_ON:  # which keeps what the parent keeps
            result = self._sampler.should_sample(context, trace_id, name, kind, attributes, links)
            sampled, state = result.decision is Decision.RECORD_AND_SAMPLE, result.trace_state
            flags = TraceFlags(flags | TraceFlags.SAMPLED if sampled else flags & ~TraceFlags.SAMPLED)
        own = SpanContext(trace_id, getrandbits(64) or 1, False, flags, state)  # noqa: FBT003 - not remote
        if not flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(own)
        span = LeanSpan(self._config, name, own, parent, kind, attributes, start_time)
        for link in links or ():
            span.add_link(link.context, link.attributes)
        return span

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **options: Any) -> Iterator[Span]:  # type: ignore[override]  # noqa: ANN401 - the API's is a decorator for async functions, too
        """Make a new span the current one while the block runs."""
        end_on_exit = options.pop("end_on_exit", True)
        on_error = [options.get(name, True) for name in ("record_exception", "set_status_on_exception")]
        span = self.start_span(name, *args, **options)
        with trace.use_span(span, end_on_exit, *on_error):
            yield span


class LeanTracerProvider(trace.TracerProvider):
    """Makes tracers whose ended spans all go one way; `OTEL_SPAN_*_LIMIT` say how much a span may hold."""

    def __init__(
        self,
        on_end: Callable[[LeanSpan], None],
        sampler: Sampler = DEFAULT_ON,
        limits: SpanLimits | None = None,
    ) -> None:
        self._on_end, self._sampler, self._limits = on_end, sampler, limits or SpanLimits()

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
        return LeanTracer(SpanConfig(scope, self._limits, self._on_end), self._sampler)
