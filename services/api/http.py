"""The FastAPI application: routes, errors, and what stands around all of it."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.docs import docs_routes, extend
from services.api.errors import RETRY_SOON, handle_errors
from services.api.problems import Ids, ProblemError, problem_response

log = structlog.get_logger(__name__)

API = "/v1/"
"""Only requests below this path are refused: probes and scrapes are answered whatever else there is to do."""
MAX_REQUESTS = 2000
"""That are served at the same time; event streams, which have a bound of their own, included."""
OWN_HEADERS = ("Idempotency-Key", "Last-Event-ID", "X-API-Key", "X-Correlation-ID", "X-Request-ID")
REQUEST_HEADERS = ("Content-Type", *OWN_HEADERS, "traceparent", "tracestate", "baggage")
LIMIT_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
RESPONSE_HEADERS = ("Location", "X-Correlation-ID", *LIMIT_HEADERS, "Idempotency-Replayed")
PREFLIGHT_SECONDS = 600
DESCRIPTION = """
Place orders, read them, and follow them until they are settled.

Every answer carries `X-Correlation-ID`: yours, when you sent a well-formed one. Every error is
`application/problem+json` with the correlation id and the trace id.
"""


class Api(FastAPI):
    """FastAPI with the whole OpenAPI document (https://fastapi.tiangolo.com/how-to/extending-openapi/)."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        if self.openapi_schema is None:
            extend(super().openapi())
        return super().openapi()


def http_api(
    routers: Sequence[APIRouter], operational: Sequence[BaseRoute], *, version: str, ids: Ids
) -> FastAPI:
    """Return the application with its probes and metrics."""
    app = Api(
        title="Orderscope",
        version=version,
        description=DESCRIPTION,
        # The entry span is ours; two would be one too many.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        docs_url=None,
        redoc_url=None,
        # The address to be redirected to would be made of whatever Host the client sent.
        redirect_slashes=False,
    )
    # As they are: an included router is asked anew, at each request, what its routes inherit from the others.
    for router in routers:
        app.router.routes.extend(router.routes)
    app.router.routes.extend([*operational, *docs_routes()])
    app.add_middleware(ConcurrencyLimit, routes=app.router.routes, ids=ids, limit=MAX_REQUESTS)
    handle_errors(app, ids)
    return app


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
        error = ProblemError(503, "overloaded", "too many requests are being served", headers=RETRY_SOON)
        await problem_response(Request(scope), error, self._ids())(scope, receive, send)


def allow_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Return the app, open to pages of these origins; around all of it, so that they can read errors, too."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=REQUEST_HEADERS,
        expose_headers=RESPONSE_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
