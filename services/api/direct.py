"""A short cut past FastAPI for the one route that is asked most.

Of a request's CPU time FastAPI and Starlette took two thirds: seven layers around the routes, dependencies
solved anew each time, an answer that is validated although it is made of valid parts. A route may have a
second handler, which takes the request itself and does the same for what is ordinary. Whatever is not (an
error, too) goes FastAPI's way: it describes the route, and it alone answers errors.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

Direct = Callable[[Request], Awaitable[Response | None]]
"""Answers a request, or returns None for one that is not ordinary, of which it has read nothing yet."""
_NAME = "answers_directly"
_RAISED = "orderscope.raised"
"""Where in the scope an error lies that the second handler ended with."""


def answered_by(direct: Direct | None) -> Callable[[Any], Any]:
    """Return a decorator that gives a route's function a second handler; it stands below the route's own."""

    def decorate(function: Any) -> Any:  # noqa: ANN401 - any function, unchanged
        setattr(function, _NAME, direct)
        return function

    return decorate


class DirectRoute(APIRoute):
    """Raises, inside FastAPI, what its second handler raised outside."""

    @property
    def direct(self) -> Direct | None:
        """Return the second handler, if there is one."""
        return getattr(self.endpoint, _NAME, None)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request; FastAPI's documented way to change that."""
        usual = super().get_route_handler()
        if self.direct is None:
            return usual

        async def handle(request: Request) -> Response:
            error: Exception | None = request.scope.get(_RAISED)
            if error is not None:
                raise error
            return await usual(request)

        return handle


class DirectAPI(FastAPI):
    """Asks second handlers first."""

    def __init__(self, routes: Iterable[BaseRoute], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        """Find the routes that have one; their paths must have no parameters."""
        super().__init__(**options)
        direct = [route for route in routes if isinstance(route, DirectRoute) and route.direct]
        self._direct = {(method, route.path): route for route in direct for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        route = self._direct.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        response = await _ask(route, scope, receive) if route else None
        if response is None:
            await super().__call__(scope, receive, send)
        else:
            await response(scope, receive, send)


async def _ask(route: DirectRoute, scope: Scope, receive: Receive) -> Response | None:
    scope["route"] = route  # by which the request is known in telemetry
    try:
        return await route.direct(Request(scope, receive)) if route.direct else None
    except Exception as error:  # noqa: BLE001 - FastAPI answers it
        scope[_RAISED] = error
        return None
