"""The handle that a service's `app.py` wraps the parts of the service with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry
from starlette.routing import Route
from starlette.types import ASGIApp

from observability.http import HttpMiddleware, Predeclared
from observability.messaging import ConsumerMiddleware, Delivery, Process, PublisherMiddleware, Settlement
from observability.metrics import Instruments, metrics_route, watch_event_loop
from observability.propagation import accept, active_span, correlated, extract, links_to

P = ParamSpec("P")
R = TypeVar("R")
RunScript = TypeVar("RunScript", bound=Callable[..., Awaitable[Any]])
"""Runs a Lua script in Redis by its name, the first argument."""
Attributes = Mapping[str, AttributeValue]


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
        options = {"enabled": self.enabled, "stock": self.stock}
        return HttpMiddleware(app, self.tracer, self.registry, predeclared=predeclared, **options)

    def consumer(
        self,
        process: Process[Delivery, Settlement],
        queue: str,
        *,
        routing_keys: Sequence[str] = (),
        **predeclared: Sequence[str],
    ) -> Process[Delivery, Settlement]:
        """Make each delivery visible; of routing keys, these alone become labels.

        Series of the queue's known `outcomes`, `retries` and `dead_letters` exist from the start.
        """
        if not self.enabled:
            return partial(_correlated, process)
        middleware = ConsumerMiddleware(self.tracer, self.registry, routing_keys, linked=self.linked)
        middleware.predeclare(queue, **predeclared)
        return middleware(process)

    def publisher(self) -> PublisherMiddleware:
        """Return what makes each published message visible; the metrics are registered once."""
        return PublisherMiddleware(self.tracer, self.registry, enabled=self.enabled)

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
        runs = dict[str, Callable[..., Awaitable[Any]]]()
        for name, span in names.items():
            attributes = {**redis_command("EVALSHA"), "db.stored_procedure.name": name}
            runs[name] = self.traced(span, SpanKind.CLIENT, attributes)(partial(run, name))

        async def traced_run(name: str, *arguments: Any) -> Any:  # noqa: ANN401 - replies vary as scripts do
            return await (runs[name](*arguments) if name in runs else run(name, *arguments))

        return cast("RunScript", traced_run)

    @contextmanager
    def continued(self, name: str, headers: Mapping[str, object]) -> Iterator[None]:
        """Run the block in a span of the trace, and under the correlation id, that a message's headers name.

        The span is linked to the one that is current outside: a replay belongs to the message's trace, and
        leads to the request of the operator who asked for it.
        """
        identifier, parent = accept(str(headers.get("correlation_id", ""))), extract(headers)
        known, links = {"correlation_id": identifier}, links_to(trace.get_current_span())
        span = self.tracer.start_span(name, parent, SpanKind.INTERNAL, known, links)
        with correlated(identifier), active_span(span, parent):
            yield

    def instruments(self) -> Instruments:
        """Return what the service's own metrics are made with."""
        return Instruments(self.registry, self.enabled)

    def routes(self) -> list[Route]:
        """Return `GET /metrics`."""
        return [metrics_route(self.registry)]


def redis_command(operation: str) -> Attributes:
    """Return the attributes of a Redis command, named as semconv/database/redis has them."""
    return {"db.system.name": "redis", "db.operation.name": operation}


async def _correlated(process: Process[Delivery, Settlement], delivery: Delivery) -> Settlement:
    with correlated(accept(delivery.correlation_id)):
        return await process(delivery)
