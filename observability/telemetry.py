"""One call that sets telemetry up for a service, and the handle that its `app.py` wraps things with."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import ParamSpec, TypeVar

import structlog
from opentelemetry import trace
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import NoOpTracer, SpanKind, Tracer
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry
from starlette.routing import Route
from starlette.types import ASGIApp

from observability.consuming import ConsumerMiddleware
from observability.continuing import continued
from observability.correlation import Correlated, accept
from observability.http import Expected, ServerMiddleware
from observability.instruments import Instruments
from observability.lines import DELAY_SECONDS, Lines
from observability.log_export import LogExport, log_export
from observability.logs import configure_logs, uncaught
from observability.messaging import In, Out, Process, PublishBatch, Settled
from observability.metrics import metrics_route, new_registry
from observability.producing import PublisherMiddleware
from observability.runtime import (
    dependency_gauge,
    export_timers,
    log_record_counter,
    outbox_gauges,
    span_counter,
    watch_event_loop,
)
from observability.settings import TelemetrySettings
from observability.spans import RunScript, traced, traced_scripts
from observability.tracing import resource, tracer_provider

SCHEMA_URL = Schemas.V1_44_0.value
"""The version of the semantic conventions that names here are of."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a service's composition root wraps the parts of the service with."""

    tracer: Tracer
    registry: CollectorRegistry
    instance: str
    enabled: bool = True
    linked: bool = False
    shutdown: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the event loop while the block runs; on leaving, export what spans and lines are left."""
        watch = asyncio.create_task(watch_event_loop(self.registry)) if self.enabled else None
        try:
            yield
        finally:
            if watch is not None:
                watch.cancel()
            await asyncio.to_thread(self.shutdown)

    def http(self, app: ASGIApp, expected: Iterable[Expected] = ()) -> ASGIApp:
        """Make each request visible; series of what is expected exist from the start."""
        return ServerMiddleware(app, self.tracer, self.registry, enabled=self.enabled, expected=expected)

    def consumer(  # noqa: PLR0913 - what is known of a queue
        self,
        process: Process[In, Settled],
        queue: str,
        *,
        routing_keys: Sequence[str] = (),
        outcomes: Sequence[str] = (),
        retries: Sequence[str] = (),
        dead_letters: Sequence[str] = (),
    ) -> Process[In, Settled]:
        """Make each delivery visible; series of a queue's known outcomes and failures exist from the start.

        Of routing keys, these alone become labels.
        """
        if not self.enabled:
            return partial(_correlated, process)
        middleware = ConsumerMiddleware(self.tracer, self.registry, routing_keys, linked=self.linked)
        middleware.expect(queue, retries, dead_letters, outcomes)
        return middleware(process)

    def publisher(self) -> Callable[[PublishBatch[Out]], PublishBatch[Out]]:
        """Return what makes each published message visible; the metrics are registered once."""
        return PublisherMiddleware(self.tracer, self.registry) if self.enabled else lambda publish: publish

    def traced(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
        """Return a decorator that gives an async function a span."""
        if not self.enabled:
            return lambda function: function
        return traced(self.tracer, name, kind, attributes or {})

    def continued(
        self,
        name: str,
        headers: Mapping[str, object],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> AbstractContextManager[None]:
        """Return a context in the trace and under the correlation id that a message's headers name."""
        return continued(self.tracer, name, headers, kind=kind, attributes=attributes or {})

    def traced_scripts(self, run: RunScript, names: Mapping[str, str]) -> RunScript:
        """Return a runner of Redis scripts with a span around those that have a span's name."""
        return traced_scripts(self.tracer, run, names) if self.enabled else run

    def instruments(self) -> Instruments:
        """Return what the service's own metrics are made with."""
        return Instruments(self.registry, enabled=self.enabled)

    def outbox_gauges(self) -> Callable[[int, float], None]:
        """Return what shows an outbox's entries and the age of the oldest."""
        return outbox_gauges(self.registry)

    def dependency_gauge(self) -> Callable[[str, bool], None]:
        """Return what shows whether a dependency, by its name, can be reached."""
        return dependency_gauge(self.registry)

    def routes(self) -> list[Route]:
        """Return `GET /metrics`."""
        return [metrics_route(self.registry)]


async def _correlated(process: Process[In, Settled], delivery: In) -> Settled:
    with Correlated(accept(delivery.correlation_id)):
        return await process(delivery)


def setup(service: str, settings: TelemetrySettings, version: str, environment: str) -> Telemetry:
    """Configure logs and tracing for this process and return the handle.

    Args:
        service: `service.name`, unless `OTEL_SERVICE_NAME` says otherwise.
        settings: What the environment asked for.
        version: `service.version`.
        environment: `deployment.environment.name`.

    Raises:
        ValueError: A variable of the OpenTelemetry standard has no valid value.
    """
    instance = f"{socket.gethostname()}-{os.getpid()}"
    enabled = settings.telemetry == "on"
    constant = {"service": service, "version": version, "environment": environment}
    registry = new_registry(service=service, version=version, environment=environment)
    telemetry = Telemetry(NoOpTracer(), registry, instance, enabled, settings.trace_async == "link")
    if not enabled:
        # Per-request lines are of level INFO: what is left without telemetry is what went wrong.
        _configure_logs(constant, "WARNING")
        return telemetry
    who = resource(service, version=version, environment=environment, instance=instance)
    timer = export_timers(registry)
    export = log_export(settings, who, log_record_counter(registry), timer)
    lines = _configure_logs(constant, settings.log_level, export)
    if not settings.traces:
        return replace(telemetry, shutdown=lines.close)
    provider = tracer_provider(settings, who, span_counter(registry), timer("span"))
    trace.set_tracer_provider(provider)
    tracer = provider.get_tracer("orderscope", version, schema_url=SCHEMA_URL)
    # Log lines go last, as what they tell may be about spans.
    ends = [provider.shutdown, lines.close, *([export.shutdown] if export else [])]
    return replace(telemetry, tracer=tracer, shutdown=partial(_all, ends))


def _configure_logs(constant: Mapping[str, str], level: str, export: LogExport | None = None) -> Lines:
    lines = configure_logs(
        constant, level, export=export.write if export else None, delay_seconds=DELAY_SECONDS
    )
    structlog.configure(cache_logger_on_first_use=True)  # a process sets its logs up once
    sys.excepthook = uncaught
    return lines


def _all(steps: Sequence[Callable[[], None]]) -> None:
    for step in steps:
        step()
