"""What is known of an HTTP request, under the names of https://opentelemetry.io/docs/specs/semconv/http/."""

from opentelemetry.util.types import AttributeValue
from starlette.types import Scope

from observability.redaction import redact_text

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER, UNROUTED = "_OTHER", "unmatched"
"""They stand for a method that is none of these, and for no route: what a stranger says is no label."""


def request_method(scope: Scope) -> str:
    """Return the request's method, or what stands for one that nobody knows."""
    return scope["method"] if scope["method"] in METHODS else OTHER


def request_headers(scope: Scope) -> dict[str, str]:
    """Return the request's headers by lower-case name; of a repeated one the last, but for `tracestate`.

    https://www.w3.org/TR/trace-context/#combined-header-value
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if "tracestate" in headers:
        states = [value.decode("latin-1") for name, value in scope["headers"] if name == b"tracestate"]
        headers["tracestate"] = ",".join(states)
    return headers


def request_attributes(scope: Scope, correlation_id: str, agent: str) -> dict[str, AttributeValue]:
    """Return what is known when a request begins. The query is left out: it may hold anything."""
    known: dict[str, AttributeValue] = {
        "correlation_id": correlation_id,
        "http.request.method": request_method(scope),
        "url.scheme": scope.get("scheme", "http"),
        "url.path": redact_text(scope["path"][:512]),
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if request_method(scope) == OTHER:
        known["http.request.method_original"] = scope["method"]
    if server := scope.get("server"):
        known["server.address"], known["server.port"] = server[0], server[1] or 0
    if client := scope.get("client"):
        known["client.address"] = known["network.peer.address"] = client[0]
    if agent:
        known["user_agent.original"] = redact_text(agent[:256])
    return known
