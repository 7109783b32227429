"""The entry span, metrics and log line of an HTTP request: one ASGI middleware around the whole app.

Attributes and metric names: https://opentelemetry.io/docs/specs/semconv/http/. Written by hand, because the
stock instrumentation costs several times as much; a test holds both to the same spans.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple, TypeAlias

import structlog
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observability.correlation import Correlated, accept
from observability.fixed import FixedAttributes
from observability.http_request import OTHER, request_attributes, request_headers, request_method
from observability.metrics import exemplar, seconds
from observability.propagation import extract
from observability.series import Durations, level
from observability.spans import Inside, failed

log = structlog.get_logger("observability.http")

UNTRACED = frozenset({"/health", "/ready", "/metrics"})
"""Probes and scrapes: seen through what they report, not one by one."""
UNROUTED = "unmatched"
"""`http_route` of a request that no route took: a hostile path must not become a label."""
Expected: TypeAlias = tuple[str, str, Sequence[int]]
"""A method, a route, and the statuses that it may be answered with."""
SERVER_ERROR = 500


class ServerMiddleware:
    """Makes a request visible; with telemetry off it only hands out the correlation id."""

    def __init__(
        self,
        app: ASGIApp,
        tracer: Tracer,
        registry: CollectorRegistry,
        *,
        enabled: bool,
        expected: Iterable[Expected] = (),
    ) -> None:
        """Register the metrics and wrap the app; series of what is expected exist before they are needed.

        One that appears with the failures that it counts shows no rate: a short outage would go unseen.
        """
        self._app = app
        self._tracer = tracer
        self._enabled = enabled
        self._duration = seconds(
            registry,
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests; of a stream, until it began.",
            ["url_scheme", "http_request_method", "http_route", "http_response_status_code"],
        )
        for method, route, statuses in expected if enabled else ():
            for status in statuses:
                self._duration.at("http", method, route, str(status))
        self._endings: dict[tuple[str, str, str, int], _Ending] = {}
        self._active = level(
            registry,
            "http_server_active_requests",
            "HTTP server requests that are being served.",
            ["url_scheme", "http_request_method"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request inside its correlation id and, unless it is a probe, its span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = request_headers(scope)
        identifier = accept(headers.get("x-correlation-id"), headers.get("x-request-id"))
        exchange = _Exchange(send, identifier)
        with Correlated(identifier):
            if self._enabled and scope["path"] not in UNTRACED:
                await self._observed(scope, receive, exchange, headers)
            else:
                await self._app(scope, receive, exchange)

    async def _observed(
        self, scope: Scope, receive: Receive, exchange: "_Exchange", headers: Mapping[str, str]
    ) -> None:
        method = request_method(scope)
        parent = extract(headers)
        span = self._tracer.start_span(
            _span_name(method),
            context=parent,
            kind=SpanKind.SERVER,
            attributes=request_attributes(scope, headers, method, exchange.correlation_id),
        )
        active = self._active.at(scope.get("scheme", "http"), method)
        active.up()
        with Inside(span, parent):
            try:
                await self._app(scope, receive, exchange)
            except Exception as error:
                failed(span, error)
                exchange.raised = True
                if exchange.status < SERVER_ERROR:  # else whoever answered has logged it
                    log.exception("request failed")
                if not exchange.status:
                    raise
            finally:
                active.down()
                self._finish(span, scope, method, exchange)

    def _finish(self, span: Span, scope: Scope, method: str, exchange: "_Exchange") -> None:
        route = getattr(scope.get("route"), "path", None) or UNROUTED
        status = exchange.status or SERVER_ERROR
        ending = self._ending(scope.get("scheme", "http"), method, route, status)
        span.update_name(ending.name)
        span.set_attributes(ending.attributes)
        if status >= SERVER_ERROR and not exchange.raised:  # else the exception describes it
            span.set_status(Status(StatusCode.ERROR))
        duration = exchange.seconds()
        ending.series.observe(duration, exemplar(span))
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(duration * 1000, 2),
        )

    def _ending(self, scheme: str, method: str, route: str, status: int) -> "_Ending":
        """Return what all such requests end with: there are as many as there are series."""
        how = scheme, method, route, status
        ending = self._endings.get(how)
        if ending is None:
            series = self._duration.at(scheme, method, route, str(status))
            ending = self._endings[how] = _Ending(_span_name(method, route), _told(route, status), series)
        return ending


class _Ending(NamedTuple):
    name: str
    attributes: FixedAttributes
    series: Durations


def _span_name(method: str, route: str = UNROUTED) -> str:
    known = method if method != OTHER else "HTTP"
    return known if route == UNROUTED else f"{known} {route}"


def _told(route: str, status: int) -> FixedAttributes:
    routed = {"http.route": route} if route != UNROUTED else {}
    failure = {"error.type": str(status)} if status >= SERVER_ERROR else {}
    return FixedAttributes({"http.response.status_code": status, **routed, **failure})


class _Exchange:
    """The response as it goes out: adds the correlation id, notes the status and the time."""

    def __init__(self, send: Send, correlation_id: str) -> None:
        self._send = send
        self.correlation_id = correlation_id
        self.status = 0
        self.raised = False
        self._began = perf_counter()
        self._headers_at = 0.0
        self._streams = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-correlation-id", self.correlation_id.encode())]
            message = {**message, "headers": headers}
            self._headers_at = perf_counter()
        elif message.get("more_body"):
            self._streams = True
        return self._send(message)

    def seconds(self) -> float:
        """Return how long the request took so far, or until its stream began."""
        return (self._headers_at if self._streams else perf_counter()) - self._began
