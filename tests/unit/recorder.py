"""What telemetry recorded: spans, metrics, and a current span to begin with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace import TracerProvider as StandardProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, Tracer, TracerProvider
from prometheus_client import CollectorRegistry

from observability.lean import LeanTracerProvider

PROVIDER = "lean"
"""Who makes the spans: `lean` or `sdk`; the fixture `provider` has a test see both."""


def provider(name: str, exporter: SpanExporter, limits: SpanLimits | None = None) -> TracerProvider:
    """Return a tracer provider whose spans go to an exporter as they end."""
    processor = SimpleSpanProcessor(exporter)
    if name == "lean":
        return LeanTracerProvider(cast("Any", processor.on_end), limits=limits or SpanLimits())
    sdk = StandardProvider(shutdown_on_exit=False, span_limits=limits or SpanLimits())
    sdk.add_span_processor(processor)
    return sdk


@dataclass
class Recorder:
    """A tracer and a registry of one test's own."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    provider: TracerProvider = field(init=False)

    def __post_init__(self) -> None:
        """Have ended spans recorded."""
        self.provider = provider(PROVIDER, self.exporter)

    @property
    def tracer(self) -> Tracer:
        """Return a tracer whose spans are recorded."""
        return self.provider.get_tracer("test")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return all spans that ended."""
        return self.exporter.get_finished_spans()

    def span(self) -> ReadableSpan:
        """Return the only span."""
        [span] = self.spans
        return span

    def attributes(self) -> Mapping[str, Any]:
        """Return the attributes of the only span."""
        return dict(self.span().attributes or {})

    def value(self, name: str, **labels: str) -> float | None:
        """Return a sample's value; `None` when there is no such series."""
        return self.registry.get_sample_value(name, labels)

    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        """Return every sample's name and labels."""
        samples = [sample for metric in self.registry.collect() for sample in metric.samples]
        return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}

    @contextmanager
    def within(self, name: str = "around") -> Iterator[Span]:
        """Make a span the current one."""
        with self.tracer.start_as_current_span(name) as span:
            yield span


def trace_id(span: ReadableSpan) -> str:
    """Return a span's trace id in hex."""
    assert span.context is not None
    return trace.format_trace_id(span.context.trace_id)


def span_id(span: ReadableSpan) -> str:
    """Return a span's own id in hex."""
    assert span.context is not None
    return trace.format_span_id(span.context.span_id)


def parent_id(span: ReadableSpan) -> str | None:
    """Return the id of a span's parent in hex."""
    return trace.format_span_id(span.parent.span_id) if span.parent else None
