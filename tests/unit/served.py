"""An application behind the server middleware, and what a request to it leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from observability.http import HttpMiddleware
from observability.propagation import correlation_id
from tests.unit.asgi import Answer, call, http_scope
from tests.unit.recorder import Recorder

ACTIVE, DURATION = "http_server_active_requests", "http_server_request_duration_seconds"
Logs = list[dict[str, Any]]


async def show(request: Request) -> Response:
    """Answer with the status that the path asks for, and the correlation id."""
    status = request.path_params.get("status", 200)
    if status == 0:
        raise ZeroDivisionError("by zero")
    return PlainTextResponse(str(correlation_id()), status)


async def stream(_: Request) -> Response:
    """Begin at once and take a while."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await asyncio.sleep(0.05)
        yield b"data: 2\n\n"

    return StreamingResponse(chunks(), media_type="text/event-stream")


async def torn(_: Request) -> Response:
    """Begin well and break in the middle."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise ZeroDivisionError

    return StreamingResponse(chunks(), media_type="text/event-stream")


PROBES = [Route(path, show) for path in ("/health", "/ready", "/metrics")]
SHOWN = Route("/s/{status:int}", show, methods=["GET", "POST"])
APP = Starlette(routes=[*PROBES, SHOWN, Route("/stream", stream), Route("/torn", torn)])


async def asked(
    method: str, path: str, *headers: tuple[str, str], app: ASGIApp = APP, enabled: bool = True
) -> tuple[Answer, Recorder, Logs]:
    """Send a request through the middleware; return the answer and all that was recorded."""
    recorder = Recorder()
    middleware = HttpMiddleware(app, recorder.tracer, recorder.registry, enabled=enabled)
    with capture_logs() as logs:
        answer = await call(middleware, http_scope(method, path, headers, query=b"secret=1"))
    return answer, recorder, [dict(line) for line in logs]


def count(recorder: Recorder, method: str, route: str, status: str) -> float | None:
    """Return how many requests of a kind were timed."""
    labels = {"http_request_method": method, "http_route": route, "http_response_status_code": status}
    return recorder.value(f"{DURATION}_count", url_scheme="http", **labels)
