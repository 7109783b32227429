"""Errors as RFC 9457 problem details, each with the ids under which it can be found."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
Ids = Callable[[], Mapping[str, str]]
"""Returns `correlation_id` and, when there is one, `trace_id` and `trace_flags` of the current request."""
SAMPLED = 1
"""https://www.w3.org/TR/trace-context-2/#sampled-flag"""


RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Phrases of RFC 9110 that Python has only since 3.13."""


def title(status: int) -> str:
    """Return the phrase of a status, the same in every version of Python."""
    return RENAMED.get(status) or HTTPStatus(status).phrase


class InvalidField(BaseModel):
    """What is wrong with one part of the input."""

    location: str = Field(examples=["items.0.quantity"])
    message: str


class Problem(BaseModel):
    """Problem details (https://www.rfc-editor.org/rfc/rfc9457)."""

    type: str = Field(
        description="Identifies the kind of problem.", examples=["urn:orderscope:problem:validation"]
    )
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    correlation_id: str
    trace_id: str | None = None
    trace_sampled: bool | None = Field(default=None, description="Whether the trace was kept.")
    errors: list[InvalidField] = []


class ProblemError(Exception):
    """Raised by a route to answer with a problem."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: list[InvalidField] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what to answer; `kind` ends the problem's type."""
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.errors = errors or []
        self.headers = headers or {}


def problem_response(request: Request, error: ProblemError, ids: Mapping[str, str]) -> Response:
    """Return the answer for a problem."""
    problem = Problem(
        type=f"urn:orderscope:problem:{error.kind}",
        title=title(error.status),
        status=error.status,
        detail=str(error),
        instance=request.url.path,
        correlation_id=ids["correlation_id"],
        trace_id=ids.get("trace_id"),
        trace_sampled=bool(int(ids["trace_flags"], 16) & SAMPLED) if "trace_flags" in ids else None,
        errors=error.errors,
    )
    body = problem.model_dump_json(exclude_defaults=True)
    return Response(body, error.status, media_type=MEDIA_TYPE, headers=dict(error.headers))


def documented_header(name: str, description: str) -> dict[str, Any]:
    """Return the OpenAPI description of a header that an answer always has."""
    return {name: {"description": description, "required": True, "schema": {"type": "string"}}}


_RETRY_AFTER = documented_header("Retry-After", "Seconds.")
_HEADERS = {
    401: documented_header("WWW-Authenticate", "What is needed instead."),
    409: _RETRY_AFTER,
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for statuses that are answered with a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": title(status), "content": content, "headers": _HEADERS.get(status, {})}
        for status in statuses
    }
