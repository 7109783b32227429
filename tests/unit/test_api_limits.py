"""The rate limit: what is counted, and what clients are told."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from services.api.dependencies import API_KEY, OPERATOR_TOKEN, RateLimit, operator_limit
from services.api.keys import ApiKeys, key_hash
from services.api.limits import Decision, RateLimiter
from services.api.problems import ProblemError
from tests.unit.fakes import Scripts

KEY = b"pqT-7"
KEYS = ApiKeys({"shop": key_hash(KEY)}, required=False)


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


@pytest.mark.parametrize(
    ("headers", "counted"),
    [
        ([(b"x-api-key", KEY)], "key:shop"),
        ([(b"x-api-key", b"")], "address:10.0.0.9"),
        ([], "address:10.0.0.9"),
    ],
)
async def test_a_request_counts_against_its_client_or_its_address(
    headers: list[tuple[bytes, bytes]], counted: str
) -> None:
    """A key stands for its client's name; without one there is the address."""
    assert await counted_as(request(*headers), KEYS) == [counted]


async def test_invented_keys_do_not_walk_around_the_limit() -> None:
    """Where no keys are known, whatever is sent as one, the address counts; without address, one for all."""
    nobody = ApiKeys({}, required=False)
    for number in (b"1", b"2", b"\xff"):
        assert await counted_as(request((b"x-api-key", number)), nobody) == ["address:10.0.0.9"]
    assert await counted_as(request(client=None), nobody) == ["address:unknown"]


@pytest.mark.parametrize("required", [False, True])
async def test_a_wrong_key_is_refused_and_counted(required: bool) -> None:  # noqa: FBT001 - both
    """401 counts against the address, so guessing is limited like anything else; past the limit it is 429."""
    keys = ApiKeys(KEYS.hashes, required)
    for allowed, status in ((True, 401), (False, 429)):
        counted: list[str] = []
        decision = Decision(allowed=allowed, limit=9, remaining=0, retry_after=1, reset_after=2)
        with pytest.raises(ProblemError) as caught:
            await asked(limit(decision, keys, counted), request((b"x-api-key", b"guess")))
        assert (caught.value.status, counted) == (status, ["address:10.0.0.9"])
        assert caught.value.headers["RateLimit-Remaining"] == "0"
        assert caught.value.headers.get("WWW-Authenticate") == ("ApiKey" if allowed else None)


async def test_an_allowed_request_learns_what_is_left() -> None:
    """The response carries the limit's headers."""
    response = Response()
    decision = Decision(allowed=True, limit=9, remaining=4, retry_after=0, reset_after=2)
    await asked(limit(decision), request(), response)
    assert response.headers["ratelimit-remaining"] == "4"


@pytest.mark.parametrize(
    ("authorization", "counted"),
    [
        (b"Bearer c0ffee-\xc3\xa4", "operator"),
        (b"Bearer c0ffee", "address:10.0.0.9"),
        (b"Basic c0ffee-\xc3\xa4", "address:10.0.0.9"),
        (b"", "address:10.0.0.9"),
    ],
)
async def test_the_operator_counts_apart_from_its_address(authorization: bytes, counted: str) -> None:
    """Strangers there use up nothing of an operator's; a known API key changes nothing."""
    seen: list[str] = []

    async def decide(client: str) -> Decision:
        seen.append(client)
        return Decision(allowed=True, limit=9, remaining=4, retry_after=0, reset_after=2)

    asking, response = request((b"x-api-key", KEY), (b"authorization", authorization)), Response()
    await operator_limit(decide, "c0ffee-ä")(asking, response, await OPERATOR_TOKEN(asking))
    assert (seen, response.headers["ratelimit-limit"]) == ([counted], "9")


async def test_an_empty_token_makes_nobody_an_operator() -> None:
    """A setting that was forgotten gives no bucket of its own."""
    seen: list[str] = []

    async def decide(client: str) -> Decision:
        seen.append(client)
        return Decision(allowed=True, limit=9, remaining=4, retry_after=0, reset_after=2)

    nothing = HTTPAuthorizationCredentials(scheme="Bearer", credentials="")
    for credentials in (None, nothing):
        await operator_limit(decide, "")(request(), Response(), credentials)
    assert seen == ["address:10.0.0.9"] * 2


@pytest.mark.parametrize(("wait", "shown"), [(0.001, "1"), (1.0, "1"), (2.0, "2"), (2.1, "3")])
async def test_a_limited_request_learns_when_to_come_back(wait: float, shown: str) -> None:
    """429 with Retry-After in whole seconds, rounded up, and the limit's headers."""
    limited = Decision(allowed=False, limit=9, remaining=0, retry_after=wait, reset_after=5)
    with pytest.raises(ProblemError) as caught:
        await asked(limit(limited), request())
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, shown)
    assert caught.value.headers["RateLimit-Remaining"] == "0"


Dependency = Callable[..., Awaitable[str | None]]


def limit(decision: Decision, keys: ApiKeys = KEYS, counted: list[str] | None = None) -> Dependency:
    """Return the dependency around a decision; it notes who is counted."""

    async def decide(client: str) -> Decision:
        if counted is not None:
            counted.append(client)
        return decision

    return RateLimit(decide, keys)


async def asked(dependency: Dependency, request: Request, response: Response | None = None) -> str | None:
    """Ask it as FastAPI does."""
    return await dependency(request, response or Response(), await API_KEY(request))


async def counted_as(request: Request, keys: ApiKeys) -> list[str]:
    """Return whom a request was counted against."""
    counted: list[str] = []
    allowed = Decision(allowed=True, limit=9, remaining=4, retry_after=0, reset_after=2)
    await asked(limit(allowed, keys, counted), request)
    return counted
