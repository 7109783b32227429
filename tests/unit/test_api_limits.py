"""The rate limit: what is counted, and what clients are told."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import Request, Response

from services.api.dependencies import client_of, rate_limit
from services.api.limits import Decision, RateLimiter
from services.api.problems import ProblemError
from tests.unit.fakes import Scripts


def request(*headers: tuple[bytes, bytes], client: tuple[str, int] | None = ("10.0.0.9", 5)) -> Request:
    """Return a request with some headers from an address."""
    return Request({"type": "http", "headers": list(headers), "client": client})


@pytest.mark.parametrize(("reset", "shown"), [(0.0, "0"), (0.001, "1"), (1.0, "1"), (1.2, "2"), (59.9, "60")])
def test_seconds_are_rounded_up(reset: float, shown: str) -> None:
    """A client that waits as long as it was told never comes too early."""
    headers = Decision(allowed=True, limit=9, remaining=4, retry_after=0, reset_after=reset).headers()
    assert headers == {"RateLimit-Limit": "9", "RateLimit-Remaining": "4", "RateLimit-Reset": shown}


async def test_the_script_is_asked_in_its_units() -> None:
    """Rate and burst go in as seconds and count, milliseconds come back as seconds."""
    scripts = Scripts({"limit": [0, 0, 1_500, 20_000]})
    decision = await RateLimiter(scripts, per_second=4, burst=80).decide("key:secret")
    assert decision == Decision(allowed=False, limit=80, remaining=0, retry_after=1.5, reset_after=20.0)
    [(_, keys, args)] = scripts.calls
    assert list(args) == [0.25, 80]
    assert "secret" not in keys[0]


async def test_clients_are_counted_apart() -> None:
    """Each API key and each address has a bucket of its own, and so has an address that looks like a key."""
    scripts = Scripts({"limit": [1, 1, 0, 0]})
    limiter = RateLimiter(scripts, per_second=1, burst=1)
    for client in ("key:a", "key:b", "address:a", "key:a"):
        await limiter.decide(client)
    keys = [keys[0] for _, keys, _ in scripts.calls]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


def test_a_request_counts_against_its_key_or_its_address() -> None:
    """The API key comes first; without either there is one bucket for all."""
    assert client_of(request((b"x-api-key", b"abc"))) == "key:abc"
    assert client_of(request()) == "address:10.0.0.9"
    assert client_of(request(client=None)) == "address:unknown"


async def test_an_allowed_request_learns_what_is_left() -> None:
    """The response carries the limit's headers."""
    response = Response()
    await limit(Decision(allowed=True, limit=9, remaining=4, retry_after=0, reset_after=2))(
        request(), response
    )
    assert response.headers["ratelimit-remaining"] == "4"


@pytest.mark.parametrize(("wait", "shown"), [(0.001, "1"), (1.0, "1"), (2.0, "2"), (2.1, "3")])
async def test_a_limited_request_learns_when_to_come_back(wait: float, shown: str) -> None:
    """429 with Retry-After in whole seconds, rounded up, and the limit's headers."""
    limited = Decision(allowed=False, limit=9, remaining=0, retry_after=wait, reset_after=5)
    with pytest.raises(ProblemError) as caught:
        await limit(limited)(request(), Response())
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, shown)
    assert caught.value.headers["RateLimit-Remaining"] == "0"


def limit(decision: Decision) -> Callable[..., Awaitable[None]]:
    """Return the dependency around a decision."""

    async def decide(_: str) -> Decision:
        return decision

    return rate_limit(decide)
