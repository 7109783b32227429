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
from observability.http_attributes import OTHER, UNROUTED, request_attributes, request_headers, request_method
from observability.metrics import exemplar, seconds, series
from observability.propagation import extract
from observability.spans import active_span, record_failure

log = structlog.get_logger("observability.http")

UNTRACED = frozenset({"/health", "/ready", "/metrics"})
"""Probes and scrapes: seen through what they report, not one by one."""
STOCK_SPAN = "orderscope.stock_span"
"""Where the stock instrumentation leaves its span in a request's scope."""
SERVER_ERROR = 500
Predeclared = tuple[str, str, Sequence[int]]
"""A method, a route and the statuses whose series exist from the start."""


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
        duration = seconds(
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests; of a stream, until it began.",
            ["url_scheme", "http_request_method", "http_route", "http_response_status_code"],
            registry=registry,
        )
        active = Gauge(
            "http_server_active_requests",
            "HTTP server requests that are being served.",
            ["url_scheme", "http_request_method"],
            registry=registry,
        )
        self._duration, self._active = series(duration), series(active)
        for method, route, statuses in predeclared if enabled else ():
            for status in statuses:
                self._duration("http", method, route, str(status))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request inside its correlation id and, unless it is a probe, its span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = request_headers(scope)
        identifier = accept(headers.get("x-correlation-id"), headers.get("x-request-id"))
        exchange = _Exchange(scope, send, identifier)
        with correlated(identifier):
            if not self._enabled or scope["path"] in UNTRACED:
                await self._app(scope, receive, exchange.send)
            elif self._stock:
                await self._observed(exchange, receive, None)
            else:
                parent = extract(headers)
                attributes = request_attributes(scope, identifier, headers.get("user-agent", ""))
                span = self._tracer.start_span(exchange.name(), parent, SpanKind.SERVER, attributes)
                with active_span(span, parent):
                    await self._observed(exchange, receive, span)

    async def _observed(self, exchange: "_Exchange", receive: Receive, own: Span | None) -> None:
        active = self._active(exchange.scheme, exchange.method)
        active.inc()
        failure: Exception | None = None
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except Exception as error:
            failure = error
            if not exchange.status:
                raise
        finally:
            active.dec()
            if own is not None:
                _describe(own, exchange, failure)
            span = own or exchange.scope.get(STOCK_SPAN, trace.INVALID_SPAN)
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                if failure is not None and exchange.status < SERVER_ERROR:
                    log.error("request failed", exc_info=failure)  # else whoever answered has logged it
                self._report(span, exchange)

    def _report(self, span: Span, exchange: "_Exchange") -> None:
        method, route, status = exchange.method, exchange.route, exchange.status or SERVER_ERROR
        duration = exchange.seconds()
        self._duration(exchange.scheme, method, route, str(status)).observe(duration, exemplar(span))
        milliseconds = round(duration * 1000, 2)
        log.info("request", method=method, route=route, status=status, duration_ms=milliseconds)


def _describe(span: Span, exchange: "_Exchange", failure: Exception | None) -> None:
    """Add what is known of a request when it ends."""
    route, status = exchange.route, exchange.status or SERVER_ERROR
    if failure is not None and exchange.status:  # otherwise it leaves the span and is recorded then
        record_failure(span, failure)
    known: dict[str, str | int] = {"http.response.status_code": status}
    if route != UNROUTED:
        known["http.route"] = route
    if status >= SERVER_ERROR:
        known["error.type"] = str(status)
        if failure is None:
            span.set_status(Status(StatusCode.ERROR))
    span.update_name(exchange.name(route))
    span.set_attributes(known)


class _Exchange:
    """A request and its response, which goes out with the correlation id."""

    def __init__(self, scope: Scope, send: Send, correlation_id: str) -> None:
        self.scope, self.method, self.scheme = scope, request_method(scope), scope.get("scheme", "http")
        self.status = 0
        self._send, self._correlation_id = send, correlation_id.encode()
        self._began, self._headers_at = perf_counter(), 0.0
        self._streams = False

    @property
    def route(self) -> str:
        """Return the path of the route that took the request."""
        return getattr(self.scope.get("route"), "path", None) or UNROUTED

    def name(self, route: str = UNROUTED) -> str:
        """Return the name of the span: the method, and the route that took the request."""
        known = self.method if self.method != OTHER else "HTTP"
        return known if route == UNROUTED else f"{known} {route}"

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the response, and note the status and the time."""
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
