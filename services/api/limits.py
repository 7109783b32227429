"""The rate limiter: a token bucket for each client, in Redis, in one round trip."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.exceptions import RedisError

from services.common.redis.client import refuses_writes
from services.common.redis.scripts import RunScript


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, and what its client should know."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: float
    """Seconds until the next request is allowed; 0 when this one is."""
    reset_after: float
    """Seconds until the whole burst is available again."""

    def headers(self) -> dict[str, str]:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers-07, seconds rounded up."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(-int(-self.reset_after // 1)),
        }


Decide = Callable[[str], Awaitable[Decision]]
"""Counts a request of a client."""


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Allows each client a steady rate and a burst above it."""

    run: RunScript
    per_second: float
    burst: int

    async def decide(self, client: str) -> Decision:
        """Count a request of a client (an API key or an address, kept only as a hash).

        Where Redis takes no writes, requests pass uncounted: reading goes on, and no order can be placed.
        """
        key = f"rate:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
        try:
            reply = await self.run("limit", [key], [1 / self.per_second, self.burst])
        except RedisError as error:
            if not refuses_writes(error):
                raise
            reply = 1, self.burst, 0, 0
        allowed, remaining, retry_ms, reset_ms = reply
        return Decision(allowed == 1, self.burst, remaining, retry_ms / 1000, reset_ms / 1000)
