"""Every error that can leave a route, as a problem."""

from collections.abc import Awaitable, Callable

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
    OutboxFullError,
    UnknownProductError,
)
from services.api.problems import Ids, InvalidField, ProblemError, problem_response
from services.common.errors import describe

log = structlog.get_logger(__name__)

RETRY_SOON = {"Retry-After": "1"}
KINDS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed"}


class NothingMoreError(Exception):
    """An event stream is asked to go on after its last event: 204 tells `EventSource` to stop."""


def store_unavailable(error: Exception) -> ProblemError:
    """Redis does not answer, or not in time: nothing was promised."""
    log.error("store unavailable", error=describe(error))
    return ProblemError(503, "store-unavailable", "the order store does not answer", headers=RETRY_SOON)


def outbox_full(_: Exception) -> ProblemError:
    """Too much waits for the broker."""
    log.error("outbox full")
    return ProblemError(503, "outbox-full", "too many orders wait to be processed", headers=RETRY_SOON)


def damaged_order(_: Exception) -> ProblemError:
    """Asking again does not help; the store has logged which order it is."""
    return ProblemError(500, "order-damaged", "what is stored of this order cannot be read")


def idempotency_conflict(_: Exception) -> ProblemError:
    """The key is taken."""
    return ProblemError(422, "idempotency-conflict", "this Idempotency-Key was used for a different order")


def unknown_product(error: Exception) -> ProblemError:
    """The order cannot be priced."""
    position = error.position if isinstance(error, UnknownProductError) else 0
    field = InvalidField(location=f"items.{position}.sku", message=str(error))
    return ProblemError(422, "validation", "the order names an unknown product", errors=[field])


def invalid_request(error: Exception) -> ProblemError:
    """A path, query or header parameter is malformed."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    fields = [InvalidField(location=".".join(map(str, p["loc"])), message=p["msg"]) for p in problems]
    return ProblemError(422, "validation", "the request is not valid", errors=fields)


def http_error(error: Exception) -> ProblemError:
    """What Starlette itself refuses: unknown paths, methods, bodies that are too large."""
    if not isinstance(error, HTTPException):
        return unexpected(error)
    kind = KINDS.get(error.status_code, "http-error")
    return ProblemError(error.status_code, kind, str(error.detail), headers=error.headers)


def unexpected(error: Exception) -> ProblemError:
    """A bug: the client gets the ids under which we shall find it, and nothing else."""
    log.error("unexpected error", exc_info=error)
    return ProblemError(500, "internal-error", "something went wrong; the ids below tell us what")


TRANSLATIONS: dict[type[Exception], Callable[[Exception], ProblemError]] = {
    RedisError: store_unavailable,
    OutboxFullError: outbox_full,
    DamagedOrderError: damaged_order,
    IdempotencyConflictError: idempotency_conflict,
    UnknownProductError: unknown_product,
    RequestValidationError: invalid_request,
    HTTPException: http_error,
    Exception: unexpected,
}


def handle_errors(app: FastAPI, ids: Ids) -> None:
    """Answer every error with a problem."""

    def handler(
        translate: Callable[[Exception], ProblemError],
    ) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            return problem_response(request, translate(error), ids())

        return handle

    async def raised(request: Request, error: Exception) -> Response:
        problem = error if isinstance(error, ProblemError) else unexpected(error)
        return problem_response(request, problem, ids())

    async def wrong_method(request: Request, error: Exception) -> Response:
        problem = http_error(error)
        problem.headers = {"Allow": _allowed(request, dict(problem.headers).get("Allow", ""))}
        return problem_response(request, problem, ids())

    async def nothing_more(_: Request, __: Exception) -> Response:
        return Response(status_code=204)

    app.add_exception_handler(NothingMoreError, nothing_more)
    app.add_exception_handler(405, wrong_method)
    for kind, translate in TRANSLATIONS.items():
        app.add_exception_handler(kind, handler(translate))
    app.add_exception_handler(ProblemError, raised)


def _allowed(request: Request, by_route: str) -> str:
    """Return all methods of the path that was asked for (RFC 9110, 15.5.6); a route knows only its own."""
    app: FastAPI = request.app
    documented = app.openapi()["paths"].get(getattr(request.scope.get("route"), "path_format", None), {})
    return ", ".join(sorted({*filter(None, by_route.split(", ")), *map(str.upper, documented)}))
