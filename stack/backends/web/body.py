"""Reading a request's body within a size and a time."""

import asyncio

from starlette.requests import Request

# A body arrives within this, or its sender is too slow (seconds).
BODY_TIMEOUT = 10.0
_MAX_DIGITS = 18


class BodyTooLargeError(Exception):
    """The body is larger than the limit."""

    def __init__(self, limit: int) -> None:
        """Name the limit in bytes."""
        super().__init__(f"the body is larger than {limit} bytes")


class BodyTooSlowError(Exception):
    """The body did not arrive in time."""


async def read_body(request: Request, limit: int, timeout_seconds: float = BODY_TIMEOUT) -> bytes:
    """Return the body as it was sent, still encoded.

    Args:
        request: The request, not read yet.
        limit: The largest size accepted, in bytes.
        timeout_seconds: How long the whole body may take.

    Raises:
        BodyTooLargeError: more than ``limit`` bytes were announced or sent.
        BodyTooSlowError: the body did not end in time.
        starlette.requests.ClientDisconnect: the client went away.
    """
    if _announced_size(request) > limit:
        raise BodyTooLargeError(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise BodyTooLargeError(limit)
    except TimeoutError:
        raise BodyTooSlowError(f"the body did not arrive within {timeout_seconds:g} s") from None
    return bytes(body)


def _announced_size(request: Request) -> int:
    text = request.headers.get("content-length", "")
    # int() need not see numbers of thousands of digits: past some, the number is too large anyway.
    return int(text[:_MAX_DIGITS]) if text.isascii() and text.isdigit() else 0
