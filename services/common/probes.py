"""Whether a service can serve: its probes, and its dependencies as they come and go."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.routing import Route

from services.common.http.server import Ping, failure, http_server, probe_routes
from services.common.lifecycle import Lifetime
from services.common.periodic import periodically
from services.common.settings import ServiceSettings

WATCH_SECONDS = 1.0


def probe_server(
    settings: ServiceSettings, lifetime: Lifetime, ready: Mapping[str, Ping], others: Iterable[Route]
) -> AbstractAsyncContextManager[None]:
    """Serve `/health`, `/ready` and other routes, for a service that has no API, while a block runs."""
    app = Starlette(routes=[*probe_routes(ready, lambda: lifetime.ending), *others])
    return http_server(app, host=settings.http_host, port=settings.http_port, shutdown_timeout=1)


async def watch_dependencies(pings: Mapping[str, Ping], report: Callable[[str, bool], None]) -> None:
    """Report every second, by name, whether each dependency answers; until cancelled."""

    async def report_all() -> None:
        failures = await asyncio.gather(*map(failure, pings.values()))
        for name, error in zip(pings, failures, strict=True):
            report(name, error is None)

    await periodically(report_all, WATCH_SECONDS, name="dependency watch")
