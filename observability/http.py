"""The correlation id, metrics, log line and server span of a request: one middleware around the app.

With `TELEMETRY=stock` the server span is made inside, by `opentelemetry-instrumentation-fastapi`.
Attributes: https://opentelemetry.io/docs/specs/semconv/http/.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from time import perf_counter

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability.metrics import exemplar, seconds, series
from observability.propagation import accept, active_span, correlated, extract, links_to, record_failure
from observability.redaction import redact_text

log = structlog.get_logger(__name__)

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER, UNROUTED = "_OTHER", "unmatched"
"""They stand for a method that is none of these, and for no route: what a stranger says is no label."""
UNTRACED = frozenset({"/health", "/ready", "/metrics"})  # seen through what they report, not one by one
STOCK_SPAN = "orderscope.stock_span"  # where the stock instrumentation leaves its span in a request's scope
STOCK_LINKS = "orderscope.stock_links"  # where it finds the links of its span
SERVER_ERROR = 500
LABELS = ("url_scheme", "http_request_method", "http_route", "http_response_status_code")
Attributes = dict[str, AttributeValue]
LIST_FIELDS = frozenset({"baggage", "tracestate"})  # of the fields that are read here; the others stand once


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
        predeclared: Iterable[tuple[str, str, Sequence[int]]] = (),
        trusted: Callable[[Mapping[str, str]], bool] = lambda _: True,
    ) -> None:
        """Register the metrics and wrap the app; with `stock`, the app makes the server spans.

        The series of `predeclared` methods, routes and statuses exist from the start. A request that is not
        `trusted`, by its headers, begins a trace that is linked to its client's.
        """
        self._app, self._tracer, self._trusted = app, tracer, trusted
        self._enabled, self._stock = enabled, stock
        gauge = partial(Gauge, labelnames=LABELS[:2], registry=registry)
        active = gauge("http_server_active_requests", "HTTP server requests that are being served.")
        duration = seconds(
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests; of a stream, until it began.",
            LABELS,
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
                return
            parent, links = extract(headers), list[Link]()
            if parent and not self._trusted(headers):
                parent, links = Context(), links_to(trace.get_current_span(parent), Context())
            span: Span = trace.INVALID_SPAN
            if self._stock:  # the app makes a span, of what it finds in the scope
                exchange.scope = {**_with_context(scope, parent), STOCK_LINKS: links}
            else:
                name, known = exchange.span_name, request_attributes(scope, headers, identifier)
                span = self._tracer.start_span(name, parent, SpanKind.SERVER, known, links)
            with active_span(span, parent):
                await self._observed(exchange, receive, span)

    async def _observed(self, exchange: "_Exchange", receive: Receive, span: Span) -> None:
        failure: Exception | None = None
        with self._active(exchange.scheme, exchange.method).track_inprogress():
            try:
                await self._app(exchange.scope, receive, exchange.send)
            except Exception as error:
                failure = error
                if not exchange.status:
                    raise
            finally:
                self._report(exchange, span, failure)

    def _report(self, exchange: "_Exchange", span: Span, failure: Exception | None) -> None:
        method, status, took = exchange.method, exchange.status or SERVER_ERROR, exchange.seconds()
        route = getattr(exchange.scope.get("route"), "path", None) or UNROUTED
        if failure is not None and exchange.status:  # otherwise it leaves the span and is recorded then
            record_failure(span, failure)
        elif status >= SERVER_ERROR and failure is None:
            span.set_status(Status(StatusCode.ERROR))
        known: Attributes = {"http.response.status_code": status}
        if route != UNROUTED:
            known["http.route"] = route
            span.update_name(f"{exchange.span_name} {route}")
        if status >= SERVER_ERROR:
            known["error.type"] = str(status)
        span.set_attributes(known)
        span = exchange.scope.get(STOCK_SPAN, span)
        # Ours is still the active span; a stock one has just ended.
        with trace.use_span(span, record_exception=False) if self._stock else nullcontext():
            if failure is not None and exchange.status < SERVER_ERROR:
                log.error("request failed", exc_info=failure)  # else whoever answered has logged it
            self._duration(exchange.scheme, method, route, str(status)).observe(took, exemplar(span))
            log.info("request", method=method, route=route, status=status, duration_ms=round(took * 1000, 2))


class _Exchange:
    """A request and its response, which goes out with the correlation id."""

    def __init__(self, scope: Scope, send: Send, correlation_id: str) -> None:
        self.scope, self.scheme = scope, scope.get("scheme", "http")
        self.method = scope["method"] if scope["method"] in METHODS else OTHER
        self.status, self.span_name = 0, "HTTP" if self.method == OTHER else self.method
        self._send, self._correlation_id = send, correlation_id.encode()
        self._began, self._headers_at, self._streams = perf_counter(), 0.0, False

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the response, and note the status and the time."""
        if message["type"] == "http.response.start":
            self.status, self._headers_at = message["status"], perf_counter()
            headers = [*message.get("headers", ()), (b"x-correlation-id", self._correlation_id)]
            message = {**message, "headers": headers}
        elif message.get("more_body"):
            self._streams = True
        return self._send(message)

    def seconds(self) -> float:
        """Return how long the request took so far, or until its stream began."""
        return (self._headers_at if self._streams else perf_counter()) - self._began


def request_headers(scope: Scope) -> dict[str, str]:
    """Return the request's headers by lower-case name.

    A list in several fields is one list (RFC 9110, 5.3). Whatever else comes in several fields is ambiguous,
    and counts as empty: so two `traceparent` are none.
    """
    headers = dict[str, str]()
    for encoded, content in scope["headers"]:
        name, value = encoded.decode("latin-1"), content.decode("latin-1")
        if name in headers:
            value = f"{headers[name]},{value}" if name in LIST_FIELDS else ""
        headers[name] = value
    return headers


def _with_context(scope: Scope, context: Context) -> Scope:
    """Return a request's scope whose headers carry a context and no other."""
    propagate.inject(carried := dict[str, str](), context)
    fields = {name.encode() for name in propagate.get_global_textmap().fields}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in carried.items()]
    return {**scope, "headers": [*headers, *(pair for pair in scope["headers"] if pair[0] not in fields)]}


def request_attributes(scope: Scope, headers: Mapping[str, str], correlation_id: str) -> Attributes:
    """Return what is known when a request begins. The query is left out: it may hold anything."""
    known: Attributes = {
        "correlation_id": correlation_id,
        "http.request.method": scope["method"] if scope["method"] in METHODS else OTHER,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": redact_text(scope["path"][:512]),
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if known["http.request.method"] == OTHER:
        known["http.request.method_original"] = scope["method"]
    if server := scope.get("server"):
        known["server.address"], known["server.port"] = server[0], server[1] or 0
    if client := scope.get("client"):
        known["client.address"] = known["network.peer.address"] = client[0]
    if agent := headers.get("user-agent"):
        known["user_agent.original"] = redact_text(agent[:256])
    return known
