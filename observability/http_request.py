"""What is known of an HTTP request when it begins.

Names: https://opentelemetry.io/docs/specs/semconv/http/.
"""

from collections.abc import Mapping
from functools import lru_cache

from starlette.types import Scope

from observability.fixed import Extended, FixedAttributes
from observability.redaction import redact_text

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER = "_OTHER"
"""Stands for a method that is none of these: a stranger's must not become a label."""
MAX_PATH_LENGTH = 512
MAX_AGENT_LENGTH = 256


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
) -> Extended:
    """Return what is known when a request begins. The query is left out: it may hold anything."""
    server, client = scope.get("server") or ("", None), scope.get("client") or ("", None)
    agent = headers.get("user-agent", "")[:MAX_AGENT_LENGTH]
    version = scope.get("http_version", "1.1")
    common = _common(method, scope.get("scheme", "http"), version, server[0], server[1], client[0], agent)
    path = redact_text(scope["path"][:MAX_PATH_LENGTH])
    original = {"http.request.method_original": scope["method"]} if method == OTHER else {}
    return Extended({"url.path": path, "correlation_id": correlation_id, **original}, common)


@lru_cache(maxsize=1024)  # a client's requests are alike; the bound is for who changes its name with each
def _common(  # noqa: PLR0913, PLR0917 - it is a cache's key
    method: str, scheme: str, version: str, host: str, port: int | None, client: str, agent: str
) -> FixedAttributes:
    return FixedAttributes(
        {
            "http.request.method": method,
            "url.scheme": scheme,
            "network.protocol.version": version,
            **({"server.address": host, "server.port": port or 0} if host else {}),
            **({"client.address": client, "network.peer.address": client} if client else {}),
            **({"user_agent.original": redact_text(agent)} if agent else {}),
        }
    )
