"""Serving ASGI with uvicorn inside a lifetime, and the probes that every service answers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from services.common.errors import describe
from services.common.http.protocol import BoundedProtocol

PING_TIMEOUT_SECONDS = 0.8
START_TIMEOUT_SECONDS = 10.0
MAX_CONNECTIONS = 4096
"""Past them the server answers 503 by itself."""
READ_TIMEOUT_SECONDS = 30.0
"""How long a client may read nothing of what was sent to it."""
SECURITY_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
)
"""On every answer, also on those that no application is asked for."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Something a service depends on, and whether it can serve at all without it."""

    check: Callable[[], Awaitable[object]]
    required: bool = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the lifetime: uvicorn would raise them again, and exit with them."""
        yield


@asynccontextmanager
async def http_server(app: ASGIApp, *, host: str, port: int, shutdown_timeout: float) -> AsyncIterator[None]:
    """Serve the app while the block runs; on leaving, finish open requests within the deadline (seconds).

    Raises:
        OSError: The address cannot be bound.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        server_header=False,
        headers=list(SECURITY_HEADERS),
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=max(1, round(shutdown_timeout)),
    )
    server = _Server(config)
    listener = socket.create_server((host, port), backlog=config.backlog)
    # Connections inherit it. Without it, whoever stops reading would hold an answer in memory for ever.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(READ_TIMEOUT_SECONDS * 1000))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await _started(server, task)
        yield
    finally:
        server.should_exit = True
        await task


async def _started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(START_TIMEOUT_SECONDS):
        while not server.started:
            if task.done():
                raise OSError(f"cannot serve on {server.config.host}:{server.config.port}")
            await asyncio.sleep(0.01)


def probe_routes(pings: Mapping[str, Ping], ending: Callable[[], bool]) -> list[Route]:
    """Return `/health` (the process lives) and `/ready` (it can serve), which names each dependency."""

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> JSONResponse:
        body = await readiness(pings, ending=ending())
        return JSONResponse(body, status_code=503 if body["status"] == "unavailable" else 200)

    return [Route("/health", health), Route("/ready", ready)]


async def readiness(pings: Mapping[str, Ping], *, ending: bool = False) -> dict[str, object]:
    """Ask every dependency at once, each within 0.8 s.

    Returns:
        `status`: `ready`; `degraded` when something is missing that the service can do without for a while;
        `unavailable`. `checks`: by name `ok` or the error.
    """
    errors = await asyncio.gather(*map(failure, pings.values()))
    checks = {name: error or "ok" for name, error in zip(pings, errors, strict=True)}
    failed = [ping for ping, error in zip(pings.values(), errors, strict=True) if error]
    status = "degraded" if failed else "ready"
    if ending or any(ping.required for ping in failed):
        status = "unavailable"
    return {"status": status, "checks": checks}


async def failure(ping: Ping) -> str | None:
    """Return what is wrong with a dependency, None when it answers within 0.8 s."""
    try:
        async with asyncio.timeout(PING_TIMEOUT_SECONDS):
            await ping.check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a dependency is the answer
        return describe(error)
    return None
