"""A short cut for the one route that is asked most: FastAPI describes and checks it, and steps aside.

Of a request's CPU time FastAPI took more than half: for solving dependencies that are known, and validating
an answer made of valid parts. A route of this class may have a second handler, which takes the
request itself and does the same for what is ordinary; for anything else it returns None, and FastAPI goes its
way.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

Direct = Callable[[Request], Awaitable[Response | None]]
_NAME = "answers_directly"


def answered_by(direct: Direct | None) -> Callable[[Any], Any]:
    """Return a decorator that gives a route's function a second handler; it stands below the route's own."""

    def decorate(function: Any) -> Any:  # noqa: ANN401 - any function, unchanged
        setattr(function, _NAME, direct)
        return function

    return decorate


class DirectRoute(APIRoute):
    """Asks a route's second handler first, if it has one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request; FastAPI's documented way to change that."""
        usual = super().get_route_handler()
        direct: Direct | None = getattr(self.endpoint, _NAME, None)
        if direct is None:
            return usual

        async def handle(request: Request) -> Response:
            return await direct(request) or await usual(request)

        return handle
