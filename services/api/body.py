"""Reading a JSON body: straight from the wire into the model, and every way it can be wrong named."""

import asyncio
from contextlib import nullcontext

from fastapi import Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.api.problems import InvalidField, ProblemError
from services.api.schemas import NewOrder
from services.common.http.protocol import COMPLETE

MAX_BODY_BYTES = 64 * 1024
READ_TIMEOUT_SECONDS = 10.0
MAX_ERRORS = 20
_NEW_ORDER: TypeAdapter[NewOrder] = TypeAdapter(NewOrder)


def request_body(model: type[BaseModel]) -> dict[str, object]:
    """Return the OpenAPI description of a body that a route reads by itself."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def new_order(request: Request) -> NewOrder:
    """Return the order that a client sent.

    FastAPI's own body handling would parse the JSON first and validate then, at several times the cost.

    Raises:
        ProblemError: 415 for another media type, 408 for a body that does not arrive, 413 for more than
            64 KiB, 400 for what is no JSON, 422 for what is no order.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(415, "unsupported-media-type", "send the order as application/json")
    try:
        return _NEW_ORDER.validate_json(await _limited(request))
    except ValidationError as error:
        raise _problem(error) from None


async def _limited(request: Request) -> bytes:
    """Read the body, and stop as soon as it is too large, whatever its Content-Length says."""
    body, more = bytearray(), True
    try:
        # A timeout takes longer to set than most bodies, which came with their heads, take to read.
        async with nullcontext() if COMPLETE in request.scope else asyncio.timeout(READ_TIMEOUT_SECONDS):
            while more:  # as `request.stream` does, which costs as much as the rest of this
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ProblemError(
                        400, "incomplete-body", "the client hung up before the end of the body"
                    )
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MAX_BODY_BYTES:
                    raise ProblemError(
                        413, "content-too-large", f"an order has at most {MAX_BODY_BYTES} bytes"
                    )
    except TimeoutError:
        raise ProblemError(408, "request-timeout", "the body did not arrive in time") from None
    return bytes(body)


def _problem(error: ValidationError) -> ProblemError:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return ProblemError(400, "malformed-json", problems[0]["msg"])
    # A wrong item ends the list, which is then said to lack items, too; and is called by its Python type.
    within = {p["loc"][0] for p in problems if len(p["loc"]) > 1}
    told = [p for p in problems if p["type"] != "too_short" or p["loc"][0] not in within]
    fields = [
        InvalidField(location=".".join(map(str, p["loc"])), message=p["msg"].replace("Tuple", "List"))
        for p in told[:MAX_ERRORS]
    ]
    return ProblemError(422, "validation", "the order is not valid", errors=fields)
