"""The bound on requests that are served at the same time."""

from collections.abc import Sequence

import structlog
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.problems import Ids, ProblemError, problem_response

log = structlog.get_logger(__name__)

API = "/v1/"
"""Only requests below this path are refused: probes and scrapes are answered whatever else there is to do."""


class ConcurrencyLimit:
    """Answers 503 instead of the application when that serves as many requests as it may."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], ids: Ids, limit: int) -> None:
        """Stand in front of an application with these routes; `limit` includes its event streams."""
        self._app = app
        self._routes = routes
        self._ids = ids
        self._limit = limit
        self._serving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or refuse it."""
        if self._serving >= self._limit and scope["path"].startswith(API):
            await self._refuse(scope, receive, send)
            return
        self._serving += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._serving -= 1

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Telemetry counts a request by its route, and a refused one comes to no router.
        matching = (route for route in self._routes if route.matches(scope)[0] is Match.FULL)
        scope["route"] = next(matching, None)
        log.warning("request refused", reason="overloaded")
        headers = {"Retry-After": "1"}
        error = ProblemError(503, "overloaded", "too many requests are being served", headers=headers)
        await problem_response(Request(scope), error, self._ids())(scope, receive, send)
