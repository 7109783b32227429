"""The one call that sets telemetry up for a service."""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv.schemas import Schemas

from observability.export.batch import BatchExporter, Encode
from observability.export.client import OtlpClient
from observability.export.encoding import log_records_request, spans_request
from observability.lean import LeanTracerProvider
from observability.logs import configure_logs, log_uncaught
from observability.metrics import ExportMetrics, export_metrics, new_registry
from observability.settings import Signal, TelemetrySettings
from observability.telemetry import Telemetry

log = structlog.get_logger(__name__)

SCHEMA_URL = Schemas.V1_44_0.value
"""The version of the semantic conventions that names here are of."""


def setup(service: str, settings: TelemetrySettings, version: str, environment: str) -> Telemetry:
    """Configure logs and tracing for this process and return the handle.

    `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over name, version and environment in the resource.
    """
    instance = f"{socket.gethostname()}-{os.getpid()}"
    constant = {"service": service, "version": version, "environment": environment}
    registry = new_registry(**constant)
    sys.excepthook = log_uncaught
    if settings.telemetry == "off":
        # Per-request lines are of level INFO: what is left without telemetry is what went wrong.
        configure_logs(constant, "WARNING")
        return Telemetry(trace.NoOpTracer(), registry, instance, enabled=False)
    about, (spans, lines) = resource(**constant, instance=instance), export_metrics(registry)
    ends = ExitStack()  # the last that was added ends first: log lines may be about spans
    export = None
    if settings.exports_logs:
        export = _start_exporter("logs", settings, partial(log_records_request, about), lines, ends)
    configure_logs(constant, settings.log_level, export=export)
    warn_of_old_names(settings)
    structlog.configure(cache_logger_on_first_use=True)  # a process sets its logs up once
    provider, options = _provider(settings, about, spans, ends)
    trace.set_tracer_provider(provider)
    tracer = provider.get_tracer("orderscope", version, schema_url=SCHEMA_URL)
    linked = settings.trace_async == "link"
    return Telemetry(tracer, registry, instance, linked=linked, shutdown=ends.close, **options)


def warn_of_old_names(settings: TelemetrySettings) -> None:
    """Log what in the environment has another name today."""
    if settings.telemetry == "on":
        log.warning("TELEMETRY=on is an old name", instead="lean")


def resource(service: str, version: str, environment: str, instance: str) -> Resource:
    """Return who sends telemetry; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence."""
    known = {"service.namespace": "orderscope", "service.name": service, "service.version": version}
    known |= {"service.instance.id": instance, "deployment.environment.name": environment}
    return Resource(known).merge(OTELResourceDetector().detect())


def _start_exporter(
    signal: Signal, settings: TelemetrySettings, encode: Encode[Any], metrics: ExportMetrics, ends: ExitStack
) -> Callable[[Any], None]:
    batching = settings.otel_bsp if signal == "traces" else settings.otel_blrp
    exporter = BatchExporter(signal, encode, OtlpClient(settings.otlp(signal)), batching, metrics)
    ends.callback(exporter.shutdown)
    return exporter.put


def _provider(
    settings: TelemetrySettings, about: Resource, metrics: ExportMetrics, ends: ExitStack
) -> tuple[trace.TracerProvider, dict[str, Any]]:
    """Return the tracer provider and, with `TELEMETRY=stock`, what the handle needs to have an app use it."""
    if settings.otel_sdk_disabled:
        return trace.NoOpTracerProvider(), {}
    if settings.telemetry == "stock":
        from observability.stock import instrument, stock_provider  # noqa: PLC0415 - only this mode loads it

        provider = stock_provider(settings, about, metrics)
        ends.callback(provider.shutdown)
        return provider, {"stock": True, "instrument": partial(instrument, provider=provider)}
    # The SDK's provider reads OTEL_TRACES_SAMPLER and its argument.
    sampler = TracerProvider(shutdown_on_exit=False).sampler
    if settings.otel_traces_exporter == "none":
        return LeanTracerProvider(lambda _: None, sampler), {}
    encode = partial(spans_request, about)
    return LeanTracerProvider(_start_exporter("traces", settings, encode, metrics, ends), sampler), {}
