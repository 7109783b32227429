"""Whether a service can serve: its probes, and its dependencies as they come and go."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.common.errors import describe
from services.common.http.server import http_server
from services.common.lifecycle import Lifetime
from services.common.periodic import periodically
from services.common.settings import ServiceSettings

PING_TIMEOUT_SECONDS = 0.8
WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ping:
    """A check of a dependency, and what its failure means."""

    check: Callable[[], Awaitable[object]]
    tolerated: tuple[type[Exception], ...] = ()
    """Errors in spite of which the service can do a part of its work."""
    impossible: str = ""
    """What it cannot do when the check fails, for whoever reads `/ready`."""


def probe_server(
    settings: ServiceSettings, lifetime: Lifetime, ready: Mapping[str, Ping], others: Iterable[Route]
) -> AbstractAsyncContextManager[None]:
    """Serve `/health`, `/ready` and other routes, for a service that has no API, while a block runs."""
    app = Starlette(routes=[*probe_routes(ready, lambda: lifetime.ending), *others])
    host, port, keep_alive = settings.http_host, settings.http_port, settings.http_keep_alive_seconds
    return http_server(app, host=host, port=port, keep_alive=keep_alive, shutdown_timeout=1)


async def watch_dependencies(pings: Mapping[str, Ping], report: Callable[[str, bool], None]) -> None:
    """Report every second, by name, whether each dependency can be used; until cancelled."""

    async def report_all() -> None:
        failures = await asyncio.gather(*map(failure, pings.values()))
        for name, error in zip(pings, failures, strict=True):
            report(name, error is None)

    await periodically(report_all, WATCH_SECONDS, name="dependency watch")


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
        `status`: `ready`; `degraded` when the service can do a part of its work; `unavailable`. `checks`: by
        name `ok`, or the error and what is not possible.
    """
    errors = await asyncio.gather(*map(failure, pings.values()))
    failed = {name: error for name, error in zip(pings, errors, strict=True) if error}
    checks = dict.fromkeys(pings, "ok")
    for name, error in failed.items():
        checks[name] = "; ".join(filter(None, (describe(error), pings[name].impossible)))
    tolerated = all(isinstance(error, pings[name].tolerated) for name, error in failed.items())
    status = "unavailable" if ending or not tolerated else "degraded" if failed else "ready"
    return {"status": status, "checks": checks}


async def failure(ping: Ping) -> Exception | None:
    """Return what is wrong with a dependency, None when its check succeeds within 0.8 s."""
    try:
        async with asyncio.timeout(PING_TIMEOUT_SECONDS):
            await ping.check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a dependency is the answer
        return error
    return None
