"""`TELEMETRY=stock`: opentelemetry-sdk, its batch processor and OTLP exporter, stock FastAPI spans."""

import os
from collections.abc import Sequence
from time import perf_counter

from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span
from starlette.types import Scope

from observability.http import STOCK_LINKS, STOCK_SPAN, UNTRACED, request_attributes, request_headers
from observability.metrics import ExportMetrics
from observability.propagation import correlation_id
from observability.settings import TelemetrySettings

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


def stock_provider(settings: TelemetrySettings, resource: Resource, metrics: ExportMetrics) -> TracerProvider:
    """Return the SDK's provider which reads the rest of `OTEL_*` by itself."""
    provider = TracerProvider(resource=resource)
    if settings.otel_traces_exporter == "otlp":
        exporter, batching = CountingExporter(), settings.otel_bsp
        exporter.counted = metrics
        delay, queue_size = batching.schedule_delay, batching.max_queue_size
        batch_size = min(batching.max_export_batch_size, queue_size)
        provider.add_span_processor(BatchSpanProcessor(exporter, queue_size, delay, batch_size))
    return provider


class CountingExporter(OTLPSpanExporter):
    """Counts its spans; the SDK logs, and does not count, those that found its queue full."""

    counted: ExportMetrics

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and count the result."""
        began = perf_counter()
        result = super().export(spans)
        self.counted.seconds.observe(perf_counter() - began)
        exported = result is SpanExportResult.SUCCESS
        self.counted.items("exported" if exported else "failed").inc(len(spans))
        return result


def instrument(app: FastAPI, provider: TracerProvider) -> None:
    """Have the stock instrumentation make the app's server spans, under today's names, and no metrics.

    It decides once a process under which names: `OTEL_SEMCONV_STABILITY_OPT_IN` gets `http` added.
    """
    opted = filter(None, os.environ.get(OPT_IN, "").split(","))
    os.environ[OPT_IN] = ",".join(dict.fromkeys([*opted, "http"]))
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),
        server_request_hook=server_request_hook,
        excluded_urls=",".join(f"{path}$" for path in UNTRACED),
        exclude_spans=["send", "receive"],
    )


def server_request_hook(span: Span, scope: Scope) -> None:
    """Give a stock server span what ours have: the correlation id, no personal data, and no query.

    An attribute cannot be deleted, so `url.query` becomes empty.
    """
    scope[STOCK_SPAN] = span
    for link in scope.get(STOCK_LINKS, ()):
        span.add_link(link.context, link.attributes)
    known = request_attributes(scope, request_headers(scope), correlation_id() or "")
    span.set_attributes({**known, "url.query": ""} if scope.get("query_string") else known)
