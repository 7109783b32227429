"""The one call that sets telemetry up for a service, and the handle that `app.py` wraps its parts with."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, TypeVar, cast

import structlog
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanKind, Tracer
from prometheus_client import CollectorRegistry
from starlette.routing import Route
from starlette.types import ASGIApp

from observability.export.batch import BatchExporter, Encode
from observability.export.client import OtlpClient
from observability.export.encoding import log_records_request, spans_request
from observability.http import HttpMiddleware
from observability.lean import LeanTracerProvider
from observability.logs import configure_logs, log_uncaught
from observability.messaging import Attributes, ConsumerMiddleware, Process, PublisherMiddleware
from observability.metrics import ExportMetrics, Instruments, export_metrics, metrics_route, new_registry
from observability.propagation import accept, active_span, correlated, extract, links_to
from observability.settings import Signal, TelemetrySettings

log = structlog.get_logger(__name__)

SCHEMA_URL = Schemas.V1_44_0.value
"""The version of the semantic conventions that names here are of."""
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What makes a service's requests, messages and functions visible."""

    tracer: Tracer
    registry: CollectorRegistry
    instance: str
    enabled: bool = True
    linked: bool = False  # whether processing a message begins a trace of its own, linked to its producer
    stock: bool = False  # whether an app makes its own server spans, once `instrument` has it do so
    instrument: Callable[[FastAPI], None] = lambda _: None
    shutdown: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Export, on leaving, what spans and lines are left."""
        try:
            yield
        finally:
            await asyncio.to_thread(self.shutdown)

    def http(self, app: ASGIApp, **options: Any) -> ASGIApp:  # noqa: ANN401 - the middleware's
        """Make each request visible; see `HttpMiddleware`."""
        options |= {"enabled": self.enabled, "stock": self.stock}
        return HttpMiddleware(app, self.tracer, self.registry, **options)

    def consumer(self, process: Process, queue: str, **options: Any) -> Process:  # noqa: ANN401 - see above
        """Make each delivery visible; see `ConsumerMiddleware`."""
        if not self.enabled:
            return partial(_correlated, process)
        return ConsumerMiddleware(self.tracer, self.registry, queue, linked=self.linked, **options)(process)

    def publisher(self) -> PublisherMiddleware:
        """Return what makes each published message visible; the metrics are registered once."""
        return PublisherMiddleware(self.tracer, self.registry, enabled=self.enabled)

    def traced(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
    ) -> Callable[[F], F]:
        """Return a decorator that runs an async function inside a span."""

        def decorate(function: F) -> F:
            @wraps(function)
            async def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's
                with active_span(self.tracer.start_span(name, kind=kind, attributes=attributes)):
                    return await function(*args, **kwargs)

            return cast("F", run) if self.enabled else function

        return decorate

    def traced_scripts(self, run: F, names: Mapping[str, str], evalsha: Attributes) -> F:
        """Return a runner of Redis scripts with a span around those that have a span's name."""
        runs = dict[str, Callable[..., Awaitable[Any]]]()
        for name, span in names.items():
            attributes = {**evalsha, "db.stored_procedure.name": name}
            runs[name] = self.traced(span, SpanKind.CLIENT, attributes)(partial(run, name))
        return cast("F", lambda name, *args: (runs[name] if name in runs else partial(run, name))(*args))

    @contextmanager
    def continued(self, name: str, headers: Mapping[str, object]) -> Iterator[None]:
        """Run the block in a span of the trace, and under the correlation id, that a message's headers name.

        The span is linked to the one that is current outside: a replay belongs to the message's trace, and
        leads to the request of the operator who asked for it.
        """
        identifier, parent = accept(str(headers.get("correlation_id", ""))), extract(headers)
        known, links = {"correlation_id": identifier}, links_to(trace.get_current_span(), parent)
        span = self.tracer.start_span(name, parent, SpanKind.INTERNAL, known, links)
        with correlated(identifier), active_span(span, parent):
            yield

    def instruments(self) -> Instruments:
        """Return what the service's own metrics are made with."""
        return Instruments(self.registry, self.enabled)

    def routes(self) -> list[Route]:
        """Return `GET /metrics`."""
        return [metrics_route(self.registry)]


def note_wait(seconds: float) -> None:
    """Note on the span of a call to Redis how long the call waited in this process until it was sent."""
    span = trace.get_current_span()
    if "db.system.name" in getattr(span, "attributes", ()):  # else it is the span of something larger
        span.set_attribute("orderscope.queued_ms", round(seconds * 1000, 3))


async def _correlated(process: Process, delivery: Any) -> Any:  # noqa: ANN401 - see `Process`
    with correlated(accept(delivery.correlation_id)):
        return await process(delivery)


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
    provider, options = tracer_provider(settings, about, spans, ends)
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


def tracer_provider(
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
