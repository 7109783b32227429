"""What stands before every route: the rate limit; before operator routes, their token."""

import hmac
import math
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.api.limits import Decision
from services.api.problems import ProblemError

Decide = Callable[[str], Awaitable[Decision]]
OPERATOR_TOKEN = HTTPBearer(
    scheme_name="operator", description="`OPERATOR_TOKEN` of the api's settings.", auto_error=False
)


def rate_limit(decide: Decide) -> Callable[..., Awaitable[None]]:
    """Return the dependency that counts a request against its client's limit."""

    async def limited(request: Request, response: Response) -> None:
        decision = await decide(client_of(request))
        headers = decision.headers()
        if not decision.allowed:
            headers["Retry-After"] = str(max(1, math.ceil(decision.retry_after)))
            raise ProblemError(429, "rate-limited", "too many requests from this client", headers=headers)
        response.headers.update(headers)

    return limited


def client_of(request: Request) -> str:
    """Return whom a request is counted against: its API key, or else its address."""
    key = request.headers.get("x-api-key")
    if key:
        return f"key:{key}"
    return f"address:{request.client.host if request.client else 'unknown'}"


def operator(expected: str) -> Callable[..., Awaitable[None]]:
    """Return the dependency that lets only the holder of the operator token pass (RFC 6750).

    It belongs behind the rate limit, which then bounds how often a token can be guessed.
    """

    async def authorized(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(OPERATOR_TOKEN)],
    ) -> None:
        # Starlette reads headers as Latin-1: encoded so, they are the bytes that were sent.
        sent = credentials.credentials.encode("latin-1") if credentials else b""
        if not expected or not hmac.compare_digest(sent, expected.encode()):
            raise ProblemError(
                401, "unauthorized", "the operator token is needed", headers={"WWW-Authenticate": "Bearer"}
            )

    return authorized
