"""What the server answers by itself, before any application is asked: RFC 9457 problems on the wire."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex

import structlog
from starlette.types import Receive, Scope, Send

log = structlog.get_logger(__name__)

CONTENT_POLICY = b"default-src 'none'; frame-ancestors 'none'"
"""For answers that are data: nothing in them is run, nothing embeds them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not even read."""

    status: HTTPStatus
    kind: str
    detail: str


BROKEN = Refusal(HTTPStatus.BAD_REQUEST, "malformed-http", "this is no HTTP/1.1 request")
TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "headers-too-large",
    "request line and headers have at most 16 KiB and 100 fields",
)
TOO_MANY = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS, "too-many-pipelined", "too many requests wait on this connection"
)
LATE = Refusal(HTTPStatus.REQUEST_TIMEOUT, "request-timeout", "the headers did not arrive in time")
OVERLOADED = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "too many connections")


def noted(refusal: Refusal) -> str:
    """Log a refusal and return the correlation id under which it can be found."""
    correlation_id = token_hex(16)
    log.warning("request refused", reason=refusal.kind, correlation_id=correlation_id)
    return correlation_id


def body_and_headers(refusal: Refusal, correlation_id: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return the problem, which knows no path, and the headers that go with it."""
    body = json.dumps(
        {
            "type": f"urn:orderscope:problem:{refusal.kind}",
            "title": refusal.status.phrase,
            "status": int(refusal.status),
            "detail": refusal.detail,
            "instance": "",
            "correlation_id": correlation_id,
        }
    ).encode()
    return body, [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"content-security-policy", CONTENT_POLICY),
        (b"cache-control", b"no-store"),
        (b"x-correlation-id", correlation_id.encode()),
        (b"connection", b"close"),
    ]


def on_the_wire(refusal: Refusal, correlation_id: str, defaults: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the whole answer as bytes."""
    body, headers = body_and_headers(refusal, correlation_id)
    lines = [name + b": " + value + b"\r\n" for name, value in [*defaults, *headers]]
    status_line = f"HTTP/1.1 {int(refusal.status)} {refusal.status.phrase}\r\n".encode()
    return b"".join([status_line, *lines, b"\r\n", body])


async def overloaded(_: Scope, __: Receive, send: Send) -> None:
    """Answer in place of the application, of which there is too much to do."""
    body, headers = body_and_headers(OVERLOADED, noted(OVERLOADED))
    headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": int(OVERLOADED.status), "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
