"""What is known of an HTTP request when it begins.

Names: https://opentelemetry.io/docs/specs/semconv/http/.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry.util.types import AttributeValue
from starlette.types import Scope

from observability.redaction import redact_text

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER = "_OTHER"
"""Stands for a method that is none of these: a stranger's must not become a label."""
MAX_PATH_LENGTH = 512


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


def request_attributes(
    scope: Scope, headers: Mapping[str, str], method: str, correlation_id: str
) -> dict[str, AttributeValue]:
    """Return what is known when a request begins. The query is left out: it may hold anything."""
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": redact_text(scope["path"][:MAX_PATH_LENGTH]),
        "network.protocol.version": scope.get("http_version", "1.1"),
        "correlation_id": correlation_id,
    }
    _add_optional(attributes, scope, headers, method)
    return attributes


def _add_optional(
    attributes: MutableMapping[str, AttributeValue], scope: Scope, headers: Mapping[str, Any], method: str
) -> None:
    if method == OTHER:
        attributes["http.request.method_original"] = scope["method"]
    if server := scope.get("server"):
        attributes["server.address"], attributes["server.port"] = server[0], server[1] or 0
    if client := scope.get("client"):
        attributes["client.address"], attributes["network.peer.address"] = client[0], client[0]
    if agent := headers.get("user-agent"):
        attributes["user_agent.original"] = agent[:256]
