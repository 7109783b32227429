"""The tracer provider: standard sampling and resource, our batching and export."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as StockSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from observability.batch import Batches, BatchProcessor, Limits
from observability.lean import LeanTracerProvider, sampling
from observability.otlp import OtlpSpanExporter, options, otlp_settings
from observability.settings import TelemetrySettings

Provider: TypeAlias = TracerProvider | LeanTracerProvider
OnResult = Callable[[int, str], None]
OnExport = Callable[[float], None]


def resource(service: str, *, version: str, environment: str, instance: str) -> Resource:
    """Return who is speaking; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence."""
    return Resource(
        {
            "service.namespace": "orderscope",
            "service.name": service,
            "service.version": version,
            "service.instance.id": instance,
            "deployment.environment.name": environment,
        }
    ).merge(OTELResourceDetector().detect())


def tracer_provider(
    settings: TelemetrySettings, who: Resource, on_result: OnResult, on_export: OnExport
) -> Provider:
    """Return a provider that exports what is sampled.

    Args:
        settings: What the environment asked for.
        who: The resource of all spans.
        on_result: Hears what became of how many spans.
        on_export: Hears how long each export took, in seconds.
    """
    exporter = span_exporter(settings, on_result)
    if exporter is None:
        return _without_export(settings, who)
    limits = Limits(
        delay_seconds=settings.otel_bsp_schedule_delay / 1000,
        queue_size=settings.otel_bsp_max_queue_size,
        batch_size=settings.otel_bsp_max_export_batch_size,
    )
    # Spans of either provider: the exporter reads both.
    batches: Batches[Any] = Batches(
        "span",
        exporter,
        limits,
        on_drop=lambda count: on_result(count, "queue_full"),
        on_export=on_export,
    )
    if settings.lean:
        return LeanTracerProvider(who, batches.put, sampling=sampling(os.environ), shutdown=batches.shutdown)
    provider = TracerProvider(resource=who)
    provider.add_span_processor(BatchProcessor(batches))
    return provider


def _without_export(settings: TelemetrySettings, who: Resource) -> Provider:
    if settings.lean:
        return LeanTracerProvider(who, lambda _: None, sampling=sampling(os.environ))
    return TracerProvider(resource=who)


class CountingExporter(SpanExporter):
    """Tells what became of the spans that another exporter was given."""

    def __init__(self, exporter: SpanExporter, on_result: OnResult) -> None:
        """Keep whom to ask and whom to tell."""
        self._exporter = exporter
        self._on_result = on_result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and tell the result."""
        result = self._exporter.export(spans)
        self._on_result(len(spans), "exported" if result is SpanExportResult.SUCCESS else "failed")
        return result

    def shutdown(self) -> None:
        """Pass it on."""
        self._exporter.shutdown()


def span_exporter(settings: TelemetrySettings, on_result: OnResult) -> SpanExporter | None:
    """Return the exporter that the settings name; `None` when there is none."""
    if settings.otel_traces_exporter == "none":
        return None
    if settings.otel_traces_exporter == "otlp_stock":
        return CountingExporter(StockSpanExporter(), on_result)
    to = otlp_settings(os.environ, "traces")
    return OtlpSpanExporter(to.endpoint, **options(to, on_result))
