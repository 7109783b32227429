"""A process that stops says so to Prometheus, so that nobody is alerted that it is missed."""

import asyncio
import math
from contextlib import suppress
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.common.instruments import Instruments
from services.common.lifecycle import Lifetime

MAX_INTERVAL_SECONDS = 15.0
"""Between scrapes: how long the last one is waited for at most."""


class Goodbye:
    """Shows that the process was asked to stop, and knows when Prometheus has seen that."""

    def __init__(self, lifetime: Lifetime, instruments: Instruments) -> None:
        """Begin as a process that was never scraped."""
        self._lifetime, self._said = lifetime, asyncio.Event()
        self._scraped = self._due = -math.inf
        self._show = instruments.gauge("service_stopping", "Whether this process was asked to stop: 1 or 0.")

    def on(self, route: Route) -> Route:
        """Return the route that is scraped, with the gauge set before and the scrape noted."""

        async def scraped(request: Request) -> Response:
            leaving, now = self._lifetime.leaving, monotonic()
            self._show(leaving)
            response: Response = await route.endpoint(request)
            if "x-prometheus-scrape-timeout-seconds" in request.headers:  # not some person, or test
                self._due = now + min(now - self._scraped, MAX_INTERVAL_SECONDS) + 1
                self._scraped = now
                if leaving:
                    self._said.set()
            return response

        return Route(route.path, scraped)

    async def said(self) -> None:
        """Wait until Prometheus has seen it or should have; not at all if something broke or nobody scrapes.

        To be awaited just before the server that is scraped stops.
        """
        if self._lifetime.leaving:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._due - monotonic())):
                    await self._said.wait()
