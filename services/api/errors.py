"""Every error that can leave a route, as a problem."""

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.api.orders import (
    DamagedOrderError,
    IdempotencyConflictError,
    OrderError,
    OutboxFullError,
    UnknownProductError,
)
from services.api.problems import Ids, InvalidField, ProblemError, problem_response
from services.common.errors import describe

log = structlog.get_logger(__name__)

RETRY_SOON = {"Retry-After": "1"}
KINDS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed"}


class NothingMoreError(Exception):
    """An event stream is asked to go on after its last event: 204 makes `EventSource` stop."""


HANDLED = (ProblemError, RedisError, OrderError, RequestValidationError, HTTPException, Exception)
"""What `problem_of` knows: FastAPI takes the handler of the nearest class."""


def problem_of(error: Exception) -> ProblemError:  # noqa: PLR0911 - a table
    """Return an error as the problem that the client gets; log what is no fault of the client."""
    match error:
        case ProblemError():
            return error
        case RedisError():
            log.error("store unavailable", error=describe(error))
            return ProblemError(
                503, "store-unavailable", "the order store does not answer", headers=RETRY_SOON
            )
        case OutboxFullError():
            log.error("outbox full")
            return ProblemError(
                503, "outbox-full", "too many orders wait to be processed", headers=RETRY_SOON
            )
        case DamagedOrderError():  # the store has logged which order it is
            return ProblemError(500, "order-damaged", "what is stored of this order cannot be read")
        case IdempotencyConflictError():
            return ProblemError(
                422, "idempotency-conflict", "this Idempotency-Key was used for a different order"
            )
        case UnknownProductError():
            field = InvalidField(location=f"items.{error.position}.sku", message=str(error))
            return ProblemError(422, "validation", "the order names an unknown product", errors=[field])
        case RequestValidationError():
            fields = [
                InvalidField(location=".".join(map(str, p["loc"])), message=p["msg"]) for p in error.errors()
            ]
            return ProblemError(422, "validation", "the request is not valid", errors=fields)
        case HTTPException():  # of Starlette itself: unknown paths and methods
            kind = KINDS.get(error.status_code, "http-error")
            return ProblemError(error.status_code, kind, str(error.detail), headers=error.headers)
    log.error("unexpected error", exc_info=error)
    return ProblemError(500, "internal-error", "something went wrong; it can be found by the ids below")


def handle_errors(app: FastAPI, ids: Ids) -> None:
    """Answer every error with a problem."""

    async def handle(request: Request, error: Exception) -> Response:
        return problem_response(request, problem_of(error), ids())

    async def wrong_method(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        problem.headers = {"Allow": _allowed(request, dict(problem.headers).get("Allow", ""))}
        return problem_response(request, problem, ids())

    async def nothing_more(_: Request, __: Exception) -> Response:
        return Response(status_code=204)

    for kind in HANDLED:
        app.add_exception_handler(kind, handle)
    app.add_exception_handler(405, wrong_method)
    app.add_exception_handler(NothingMoreError, nothing_more)


def _allowed(request: Request, by_route: str) -> str:
    """Return all methods of the path that was asked for (RFC 9110, 15.5.6); a route knows only its own."""
    app: FastAPI = request.app
    documented = app.openapi()["paths"].get(getattr(request.scope.get("route"), "path_format", None), {})
    return ", ".join(sorted({*filter(None, by_route.split(", ")), *map(str.upper, documented)}))
