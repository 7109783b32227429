"""The tracer of a load test: its spans go where `OTEL_*` says, as those of the services do."""

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack

from opentelemetry.trace import NoOpTracer, Tracer
from prometheus_client import CollectorRegistry

from observability import TelemetrySettings
from observability.metrics import export_metrics
from observability.setup import SCHEMA_URL, resource, tracer_provider


def load_tracer(settings: TelemetrySettings) -> tuple[Tracer, Callable[[], None]]:
    """Return the tracer, and what exports its last spans, for at most 5 s.

    It begins no trace unless the environment names an endpoint for spans: a trace whose root nobody keeps
    would be seen without one.
    """
    named = settings.otel_exporter_otlp.model_fields_set | settings.otel_exporter_otlp_traces.model_fields_set
    off = settings.telemetry == "off" or settings.otel_traces_exporter == "none"
    if off or "endpoint" not in named:
        return NoOpTracer(), lambda: None
    version = os.environ.get("SERVICE_VERSION") or "local"
    environment = os.environ.get("ENVIRONMENT") or "development"
    about = resource("loadtest", version, environment, f"{socket.gethostname()}-{os.getpid()}")
    metrics, ends = export_metrics(CollectorRegistry())[0], ExitStack()
    provider, _ = tracer_provider(settings.model_copy(update={"telemetry": "lean"}), about, metrics, ends)
    return provider.get_tracer("orderscope", version, schema_url=SCHEMA_URL), ends.close
