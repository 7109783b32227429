"""The handle that a service's `app.py` wraps the parts of the service with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry
from starlette.routing import Route
from starlette.types import ASGIApp

from observability.consuming import ConsumerMiddleware
from observability.correlation import accept, correlated
from observability.http import HttpMiddleware, Predeclared
from observability.messaging import Delivery, Outgoing, Process, PublishBatch, Settlement
from observability.metrics import Instruments, metrics_route
from observability.propagation import extract, links_to
from observability.publishing import PublisherMiddleware
from observability.runtime import dependency_gauge, outbox_gauges, watch_event_loop
from observability.spans import active_span

P = ParamSpec("P")
R = TypeVar("R")
Attributes = Mapping[str, AttributeValue]


class RunScript(Protocol):
    """Runs a Lua script in Redis by name."""

    async def __call__(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:  # noqa: ANN401 - replies are as varied as scripts
        """Return the script's reply."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What makes a service's requests, messages and functions visible."""

    tracer: Tracer
    registry: CollectorRegistry
    instance: str
    enabled: bool = True
    linked: bool = False
    """Whether processing a message begins a trace of its own, linked to its producer."""
    instrument_stock: Callable[[FastAPI], None] | None = None
    """With `TELEMETRY=stock`: has an app make its own server spans."""
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

    def http(self, app: ASGIApp, predeclared: Iterable[Predeclared] = ()) -> ASGIApp:
        """Make each request visible; predeclared series exist from the start."""
        stock = self.instrument_stock is not None
        return HttpMiddleware(
            app, self.tracer, self.registry, enabled=self.enabled, stock=stock, predeclared=predeclared
        )

    def instrument(self, app: FastAPI) -> None:
        """With `TELEMETRY=stock`, have the app make its own server spans; otherwise `http` makes them."""
        if self.instrument_stock is not None:
            self.instrument_stock(app)

    def consumer(  # noqa: PLR0913 - what is known of a queue
        self,
        process: Process[Delivery, Settlement],
        queue: str,
        *,
        routing_keys: Sequence[str] = (),
        outcomes: Sequence[str] = (),
        retries: Sequence[str] = (),
        dead_letters: Sequence[str] = (),
    ) -> Process[Delivery, Settlement]:
        """Make each delivery visible; series of a queue's known outcomes and failures exist from the start.

        Of routing keys, these alone become labels.
        """
        if not self.enabled:
            return partial(_correlated, process)
        middleware = ConsumerMiddleware(self.tracer, self.registry, routing_keys, linked=self.linked)
        middleware.predeclare(queue, retries, dead_letters, outcomes)
        return middleware(process)

    def publisher(self) -> Callable[[PublishBatch[Outgoing]], PublishBatch[Outgoing]]:
        """Return what makes each published message visible; the metrics are registered once."""
        return PublisherMiddleware(self.tracer, self.registry) if self.enabled else lambda publish: publish

    def traced(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
        """Return a decorator that runs an async function inside a span."""

        def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
            @wraps(function)
            async def run(*args: P.args, **kwargs: P.kwargs) -> R:
                with active_span(self.tracer.start_span(name, kind=kind, attributes=attributes)):
                    return await function(*args, **kwargs)

            return run if self.enabled else function

        return decorate

    def traced_scripts(self, run: RunScript, names: Mapping[str, str]) -> RunScript:
        """Return a runner of Redis scripts with a span around those that have a span's name."""
        runs = {
            name: self.traced(span, SpanKind.CLIENT, redis_script(name))(partial(run, name))
            for name, span in names.items()
        }

        async def traced_run(name: str, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:  # noqa: ANN401 - see RunScript
            return await (runs[name](keys, args) if name in runs else run(name, keys, args))

        return traced_run

    @contextmanager
    def continued(
        self,
        name: str,
        headers: Mapping[str, object],
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
    ) -> Iterator[None]:
        """Run the block in a span of the trace, and under the correlation id, that a message's headers name.

        The span is linked to the one that is current outside: a replay belongs to the message's trace, and
        leads to the request of the operator who asked for it.
        """
        identifier, parent = accept(str(headers.get("correlation_id", ""))), extract(headers)
        known = {**(attributes or {}), "correlation_id": identifier}
        span = self.tracer.start_span(name, parent, kind, known, links_to(trace.get_current_span()))
        with correlated(identifier), active_span(span, parent):
            yield

    def instruments(self) -> Instruments:
        """Return what the service's own metrics are made with."""
        return Instruments(self.registry, self.enabled)

    def outbox_gauges(self) -> Callable[[int, float], None]:
        """Return what shows an outbox's entries and the age of the oldest."""
        return outbox_gauges(self.registry)

    def dependency_gauge(self) -> Callable[[str, bool], None]:
        """Return what shows whether a dependency, by its name, can be reached."""
        return dependency_gauge(self.registry)

    def routes(self) -> list[Route]:
        """Return `GET /metrics`."""
        return [metrics_route(self.registry)]


def redis_command(operation: str) -> Attributes:
    """Return the attributes of a Redis command, named as semconv/database/redis has them."""
    return {"db.system.name": "redis", "db.operation.name": operation}


def redis_script(name: str) -> Attributes:
    """Return the attributes of a script that Redis runs."""
    return {**redis_command("EVALSHA"), "db.stored_procedure.name": name}


async def _correlated(process: Process[Delivery, Settlement], delivery: Delivery) -> Settlement:
    with correlated(accept(delivery.correlation_id)):
        return await process(delivery)
