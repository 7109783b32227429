"""What browsers are told: that answers are data, nobody's to embed; and, where it was set, who may read."""

from collections.abc import Awaitable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.http.refusals import CONTENT_POLICY

PRIVATE = "/v1"
"""Under it answers are about somebody's orders: no cache on the way may keep them."""
READ_HEADERS = (
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-API-Key",
    "X-Correlation-ID",
    "traceparent",
)
SHOWN_HEADERS = (
    "Location",
    "X-Correlation-ID",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Idempotency-Replayed",
)
PREFLIGHT_SECONDS = 600
_DATA = ((b"content-security-policy", CONTENT_POLICY),)
_DATA_OF_SOMEBODY = (*_DATA, (b"cache-control", b"no-store"))


def for_browsers(app: ASGIApp, cors_origins: Sequence[str]) -> ASGIApp:
    """Return the app with a content policy on every answer; pages of these origins alone may use it.

    `SECURITY_HEADERS` of `services.common.http.server` depend on no path: the server adds them.
    """
    return _policies(_shared(app, cors_origins) if cors_origins else app)


def _shared(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=READ_HEADERS,
        expose_headers=SHOWN_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )


def _policies(app: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        defaults = _DATA_OF_SOMEBODY if scope["path"].startswith(PRIVATE) else _DATA

        def answer(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                given = {name.lower() for name, _ in headers}
                missing = [item for item in defaults if item[0] not in given]
                message = {**message, "headers": [*headers, *missing]}
            return send(message)

        await app(scope, receive, answer)

    return serve
