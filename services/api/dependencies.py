"""What stands before every route: the rate limit."""

import math
from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from services.api.limits import Decision
from services.api.problems import ProblemError

Decide = Callable[[str], Awaitable[Decision]]


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
