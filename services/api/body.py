"""Reading what a client sends with an order, and naming every way in which it can be wrong."""

import asyncio
from typing import Any

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from services.api.problems import InvalidField, ProblemError
from services.api.schemas import IdempotencyKey, NewOrder

MAX_BODY_BYTES = 64 * 1024
READ_TIMEOUT_SECONDS = 10.0
MAX_ERRORS = 20
_KEY: TypeAdapter[str | None] = TypeAdapter(IdempotencyKey | None)
_NEW_ORDER: TypeAdapter[NewOrder] = TypeAdapter(NewOrder)


def idempotency_key(request: Request) -> str | None:
    """Return the request's `Idempotency-Key`, if it has one.

    Raises:
        ProblemError: 422, it is malformed; 400, there are several.
    """
    keys = set(request.headers.getlist("idempotency-key"))
    if len(keys) > 1:
        raise ProblemError(400, "bad-request", "the request has several fields Idempotency-Key")
    try:
        return _KEY.validate_python(keys.pop() if keys else None)
    except ValidationError as error:
        [problem] = error.errors()
        field = InvalidField(location="header.idempotency-key", message=problem["msg"])
        raise ProblemError(422, "validation", "the request is not valid", errors=[field]) from None


async def new_order(request: Request) -> NewOrder:
    """Return the order that a client sent, validated straight from its JSON.

    Raises:
        ProblemError: 415 for another media type or a content coding, 408 for a body that does not arrive,
            413 for more than 64 KiB, 400 for what is no JSON, 422 for what is no order.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(415, "unsupported-media-type", "send the order as application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProblemError(415, "unsupported-media-type", "send the order without a Content-Encoding")
    try:
        return _NEW_ORDER.validate_json(await _body(request))
    except ValidationError as error:
        raise _problem(error) from None


async def _body(request: Request) -> bytearray:
    """Read the body, unless it says that it is too large, and stop as soon as it is."""
    body, length = bytearray(), request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise ProblemError(408, "request-timeout", "the body did not arrive in time") from None
    except ClientDisconnect:
        raise ProblemError(400, "incomplete-body", "the body ended before it was complete") from None
    return body


def _too_large() -> ProblemError:
    return ProblemError(413, "content-too-large", f"an order has at most {MAX_BODY_BYTES} bytes")


def _problem(error: ValidationError) -> ProblemError:
    problems: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return ProblemError(400, "malformed-json", problems[0]["msg"])
    # A wrong item ends the list, which then seems to lack items, too; and pydantic calls it a tuple.
    within = {p["loc"][0] for p in problems if len(p["loc"]) > 1}
    reported = [p for p in problems if p["type"] != "too_short" or p["loc"][0] not in within]
    fields = [
        InvalidField(location=".".join(map(str, p["loc"])), message=p["msg"].replace("Tuple", "List"))
        for p in reported[:MAX_ERRORS]
    ]
    return ProblemError(422, "validation", "the order is not valid", errors=fields)
