"""Every error leaves as a problem, with the ids under which it can be found."""

from typing import NoReturn

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs

from services.api.orders import (
    DamagedOrderError,
    IdempotencyConflictError,
    OutboxFullError,
    UnknownProductError,
)
from services.api.problems import MEDIA_TYPE, InvalidField, ProblemError, problem_response
from tests.unit.api_app import FLAGGED, IDS, UNKNOWN, app
from tests.unit.asgi import Answer, call, http_scope


async def failing(error: Exception) -> Answer:
    """Return the answer to a read whose use case raises."""

    async def fail(_: str) -> NoReturn:
        raise error

    with capture_logs():
        return await call(app(load=fail), http_scope("GET", f"/v1/orders/{UNKNOWN}"))


@pytest.mark.parametrize(
    ("error", "status", "kind", "retry_after"),
    [
        (RedisConnectionError("secret-host:6379"), 503, "store-unavailable", "1"),
        (RedisTimeoutError(), 503, "store-unavailable", "1"),
        (OutboxFullError(), 503, "outbox-full", "1"),
        (DamagedOrderError("secret"), 500, "order-damaged", None),
        (IdempotencyConflictError(), 422, "idempotency-conflict", None),
        (UnknownProductError(2, "lid"), 422, "validation", None),
        (ProblemError(429, "rate-limited", "x", headers={"Retry-After": "7"}), 429, "rate-limited", "7"),
        (ZeroDivisionError("secret"), 500, "internal-error", None),
    ],
)
async def test_errors_are_translated(
    error: Exception, status: int, kind: str, retry_after: str | None
) -> None:
    """Each error has its status and kind, and says no more than a client should know."""
    answer = await failing(error)
    assert answer.status == status
    assert answer.header("content-type") == MEDIA_TYPE
    assert answer.header("retry-after") == retry_after
    problem = answer.json()
    assert problem["type"] == f"urn:orderscope:problem:{kind}"
    assert problem["status"] == status
    assert problem["instance"].startswith("/v1/orders/")
    assert problem.items() >= {**IDS, "trace_sampled": False}.items()
    assert "secret" not in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/v1/orders", 405, "method-not-allowed"),
        ("GET", "/v1/orders/42", 422, "validation"),
        ("GET", "/v1/orders?limit=0", 422, "validation"),
        ("GET", "/v1/orders?limit=many", 422, "validation"),
        ("GET", "/v1/orders?cursor=x", 422, "validation"),
        ("GET", f"/v1/orders/{UNKNOWN}", 404, "not-found"),
        ("GET", f"/v1/orders/{UNKNOWN}/status", 404, "not-found"),
        ("GET", f"/v1/orders/{UNKNOWN}/events", 404, "not-found"),
    ],
)
async def test_requests_that_lead_nowhere_are_problems(
    method: str, path: str, status: int, kind: str
) -> None:
    """Unknown paths, methods, orders and malformed parameters are answered in the same form."""
    path, _, query = path.partition("?")
    answer = await call(app(), http_scope(method, path, query=query.encode()))
    assert (answer.status, answer.header("content-type")) == (status, MEDIA_TYPE)
    assert answer.json()["type"].endswith(f":{kind}")


def test_a_problem_says_only_what_there_is_to_say() -> None:
    """Outside a trace there is no trace id; without invalid fields no list of them."""
    request = Request({"type": "http", "path": "/x", "headers": [], "query_string": b"", "server": ("h", 1)})
    plain = problem_response(request, ProblemError(404, "not-found", "no"), {"correlation_id": "c"})
    assert _fields(plain) == {"type", "title", "status", "detail", "instance", "correlation_id"}
    errors = [InvalidField(location="items.0.sku", message="no such product")]
    full = problem_response(request, ProblemError(422, "validation", "no", errors=errors), FLAGGED)
    assert _fields(full) == _fields(plain) | {"trace_id", "trace_sampled", "errors"}


def _fields(response: Response) -> set[str]:
    answer = Answer([{"status": 200, "headers": []}, {"body": response.body}])
    return set(answer.json())
