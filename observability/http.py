"""The correlation id, metrics, log line and server span of a request: one middleware around the app.

With `TELEMETRY=stock` the server span is made inside, by `opentelemetry-instrumentation-fastapi`.
"""

from collections.abc import Awaitable, Iterable, Sequence
from time import perf_counter

import structlog
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability.correlation import accept, correlated
from observability.http_attributes import (
    UNROUTED,
    request_attributes,
    request_headers,
    request_method,
    span_name,
)
from observability.metrics import exemplar, seconds
from observability.propagation import extract
from observability.spans import active_span, record_failure

log = structlog.get_logger("observability.http")

UNTRACED = frozenset({"/health", "/ready", "/metrics"})
"""Probes and scrapes: seen through what they report, not one by one."""
STOCK_SPAN = "orderscope.stock_span"
"""Where the stock instrumentation leaves its span in a request's scope."""
SERVER_ERROR = 500
Predeclared = tuple[str, str, Sequence[int]]
"""A method, a route and the statuses whose series exist from the start.

A series that appears with the failures that it counts shows no rate: a short outage would go unseen.
"""


class HttpMiddleware:
    """Makes requests visible; without telemetry it only hands out the correlation id."""

    def __init__(  # noqa: PLR0913 - what a request is seen by
        self,
        app: ASGIApp,
        tracer: trace.Tracer,
        registry: CollectorRegistry,
        *,
        enabled: bool = True,
        stock: bool = False,
        predeclared: Iterable[Predeclared] = (),
    ) -> None:
        """Register the metrics and wrap the app; with `stock`, the app makes the server spans."""
        self._app, self._tracer, self._enabled, self._stock = app, tracer, enabled, stock
        self._duration = seconds(
            registry,
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests; of a stream, until it began.",
            ["url_scheme", "http_request_method", "http_route", "http_response_status_code"],
        )
        self._active = Gauge(
            "http_server_active_requests",
            "HTTP server requests that are being served.",
            ["url_scheme", "http_request_method"],
            registry=registry,
        )
        for method, route, statuses in predeclared if enabled else ():
            for status in statuses:
                self._duration.labels("http", method, route, str(status))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request inside its correlation id and, unless it is a probe, its span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = request_headers(scope)
        identifier = accept(headers.get("x-correlation-id"), headers.get("x-request-id"))
        response = _Response(send, identifier)
        with correlated(identifier):
            if not self._enabled or scope["path"] in UNTRACED:
                await self._app(scope, receive, response)
            elif self._stock:
                await self._observed(scope, receive, response, None)
            else:
                parent = extract(headers)
                name, attributes = request_method(scope), request_attributes(scope, headers, identifier)
                span = self._tracer.start_span(span_name(name), parent, SpanKind.SERVER, attributes)
                with active_span(span, parent):
                    await self._observed(scope, receive, response, span)

    async def _observed(
        self, scope: Scope, receive: Receive, response: "_Response", own: Span | None
    ) -> None:
        active = self._active.labels(scope.get("scheme", "http"), request_method(scope))
        active.inc()
        failure: Exception | None = None
        try:
            await self._app(scope, receive, response)
        except Exception as error:
            failure = error
            if not response.status:
                raise
        finally:
            active.dec()
            span = own or scope.get(STOCK_SPAN, trace.INVALID_SPAN)
            if own is not None:
                _describe(own, scope, response, failure)
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                if (
                    failure is not None and response.status < SERVER_ERROR
                ):  # else whoever answered has logged it
                    log.error("request failed", exc_info=failure)
                self._report(span, scope, response)

    def _report(self, span: Span, scope: Scope, response: "_Response") -> None:
        method, route, status = request_method(scope), _route(scope), response.status or SERVER_ERROR
        duration = response.seconds()
        series = self._duration.labels(scope.get("scheme", "http"), method, route, str(status))
        series.observe(duration, exemplar(span))
        milliseconds = round(duration * 1000, 2)
        log.info("request", method=method, route=route, status=status, duration_ms=milliseconds)


def _describe(span: Span, scope: Scope, response: "_Response", failure: Exception | None) -> None:
    """Add what is known of a request when it ends."""
    route, status = _route(scope), response.status or SERVER_ERROR
    span.update_name(span_name(request_method(scope), route))
    span.set_attribute("http.response.status_code", status)
    if route != UNROUTED:
        span.set_attribute("http.route", route)
    if failure is not None and response.status:  # otherwise it leaves the span and is recorded then
        record_failure(span, failure)
    if status >= SERVER_ERROR:
        span.set_attribute("error.type", str(status))
        if failure is None:
            span.set_status(Status(StatusCode.ERROR))


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or UNROUTED


class _Response:
    """The response as it goes out: adds the correlation id, notes the status and the time."""

    def __init__(self, send: Send, correlation_id: str) -> None:
        self._send, self._correlation_id = send, correlation_id.encode()
        self.status = 0
        self._began, self._headers_at = perf_counter(), 0.0
        self._streams = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-correlation-id", self._correlation_id)]
            message = {**message, "headers": headers}
            self._headers_at = perf_counter()
        elif message.get("more_body"):
            self._streams = True
        return self._send(message)

    def seconds(self) -> float:
        """Return how long the request took so far, or until its stream began."""
        return (self._headers_at if self._streams else perf_counter()) - self._began
