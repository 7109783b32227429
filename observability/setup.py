"""The one call that sets telemetry up for a service."""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv.schemas import Schemas

from observability.export.batch import BatchExporter
from observability.export.client import OtlpClient
from observability.export.environment import otlp_settings
from observability.export.log_records import log_records_request
from observability.export.spans import spans_request
from observability.lean.provider import LeanTracerProvider
from observability.logs import configure_logs, log_uncaught
from observability.metrics import new_registry
from observability.runtime import ExportMetrics, export_metrics
from observability.settings import TelemetrySettings
from observability.stock import instrument, stock_provider
from observability.telemetry import Telemetry

log = structlog.get_logger(__name__)


SCHEMA_URL = Schemas.V1_44_0.value
"""The version of the semantic conventions that names here are of."""


def setup(service: str, settings: TelemetrySettings, version: str, environment: str) -> Telemetry:
    """Configure logs and tracing for this process and return the handle.

    `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over name, version and environment in the resource.

    Raises:
        ValueError: A variable of the OpenTelemetry standard has no valid value.
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
    export = _log_exporter(settings, about, lines, ends)
    configure_logs(constant, settings.log_level, export=export)
    warn_of_old_names(settings)
    structlog.configure(cache_logger_on_first_use=True)  # a process sets its logs up once
    provider = _provider(settings, about, spans, ends)
    trace.set_tracer_provider(provider)
    tracer = provider.get_tracer("orderscope", version, schema_url=SCHEMA_URL)
    stock = partial(instrument, provider=provider) if isinstance(provider, TracerProvider) else None
    linked = settings.trace_async == "link"
    return Telemetry(tracer, registry, instance, True, linked, stock, ends.close)  # noqa: FBT003 - enabled


def warn_of_old_names(settings: TelemetrySettings) -> None:
    """Log what in the environment has another name today."""
    if settings.telemetry == "on":
        log.warning("TELEMETRY=on is an old name", instead="lean")


def resource(service: str, version: str, environment: str, instance: str) -> Resource:
    """Return who sends telemetry; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence."""
    known = {
        "service.namespace": "orderscope",
        "service.name": service,
        "service.version": version,
        "service.instance.id": instance,
        "deployment.environment.name": environment,
    }
    return Resource(known).merge(OTELResourceDetector().detect())


def _log_exporter(
    settings: TelemetrySettings, about: Resource, metrics: ExportMetrics, ends: ExitStack
) -> Callable[[bytes], None] | None:
    if not settings.exports_logs:
        return None
    client, encode = OtlpClient(otlp_settings(os.environ, "logs")), partial(log_records_request, about)
    exporter = BatchExporter("logs", encode, client, settings.log_batches, metrics)
    ends.callback(exporter.shutdown)
    return exporter.put


def _provider(
    settings: TelemetrySettings, about: Resource, metrics: ExportMetrics, ends: ExitStack
) -> trace.TracerProvider:
    if not settings.traces:
        return trace.NoOpTracerProvider()
    if settings.telemetry == "stock":
        provider = stock_provider(settings, about, metrics)
        ends.callback(provider.shutdown)
        return provider
    # The SDK's provider reads OTEL_TRACES_SAMPLER and its argument.
    sampler = TracerProvider(shutdown_on_exit=False).sampler
    if settings.otel_traces_exporter == "none":
        return LeanTracerProvider(lambda _: None, sampler)
    client, encode = OtlpClient(otlp_settings(os.environ, "traces")), partial(spans_request, about)
    exporter = BatchExporter("traces", encode, client, settings.span_batches, metrics)
    ends.callback(exporter.shutdown)
    return LeanTracerProvider(exporter.put, sampler)
