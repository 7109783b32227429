"""The rate limit: what is counted, and what clients get to know of it."""

import pytest

from services.api.dependencies import RateLimit
from services.api.keys import ApiKeys, key_hash
from services.api.limits import Decision, RateLimiter
from tests.unit.api_app import Limiter, app
from tests.unit.asgi import Answer, call, http_scope
from tests.unit.fakes import Scripts

KEYS = {"shop": key_hash(b"pqT-7")}


async def asked(
    limiter: Limiter,
    key: str | None = None,
    *,
    hashes: dict[str, str] = KEYS,
    required: bool = False,
    client: tuple[str, int] | None = ("10.0.0.9", 5),
) -> Answer:
    """Return the answer to a request for orders behind the limit."""
    scope = http_scope("GET", "/v1/orders", [] if key is None else [("x-api-key", key)])
    return await call(app(RateLimit(limiter.decide, ApiKeys(hashes, required))), {**scope, "client": client})


@pytest.mark.parametrize(("reset", "shown"), [(0.0, "0"), (0.001, "1"), (1.0, "1"), (1.2, "2"), (59.9, "60")])
def test_seconds_are_rounded_up(reset: float, shown: str) -> None:
    """A client that waits as long as the header says never comes too early."""
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


@pytest.mark.parametrize(
    ("key", "address", "counted"),
    [
        ("pqT-7", "10.0.0.9", "key:shop"),
        ("", "10.0.0.9", "address:10.0.0.9"),
        (None, "10.0.0.9", "address:10.0.0.9"),
        (None, "2001:db8:0:7::1", "address:2001:db8:0:7::/64"),
        (None, "2001:db8::7:ffff:ffff:ffff:ffff", "address:2001:db8:0:7::/64"),
        (None, "2001:db8:0:8::1", "address:2001:db8:0:8::/64"),
        (None, "fe80::1%eth0", "address:fe80::/64"),
    ],
)
async def test_a_request_counts_against_its_client_or_its_address(
    key: str | None, address: str, counted: str
) -> None:
    """A key stands for its client's name; without one there is the address, of IPv6 the network of a host."""
    limiter = Limiter()
    answer = await asked(limiter, key, client=(address, 5))
    assert (answer.status, answer.header("ratelimit-remaining")) == (200, "7")
    assert limiter.counted == [counted]


async def test_invented_keys_do_not_walk_around_the_limit() -> None:
    """Where no keys are known, whatever is sent as one, the address counts; without address, one for all."""
    limiter = Limiter()
    for key in ("1", "2", "\xff"):
        await asked(limiter, key, hashes={})
    await asked(limiter, client=None)
    assert limiter.counted == ["address:10.0.0.9"] * 3 + ["address:unknown"]


@pytest.mark.parametrize(("key", "required"), [("guess", False), ("guess", True), (None, True)])
@pytest.mark.parametrize(("allowed", "status", "challenge"), [(True, 401, "ApiKey"), (False, 429, None)])
async def test_a_stranger_is_refused_and_counted(
    key: str | None,
    required: bool,  # noqa: FBT001 - parametrized
    allowed: bool,  # noqa: FBT001 - parametrized
    status: int,
    challenge: str | None,
) -> None:
    """401 counts against the address, so guessing is limited like anything else; past the limit it is 429."""
    limiter = Limiter(allowed, retry_after=1)
    answer = await asked(limiter, key, required=required)
    assert (answer.status, limiter.counted) == (status, ["address:10.0.0.9"])
    assert (answer.header("ratelimit-remaining"), answer.header("www-authenticate")) == ("7", challenge)


@pytest.mark.parametrize(("wait", "shown"), [(0.001, "1"), (1.0, "1"), (2.0, "2"), (2.1, "3")])
async def test_a_limited_request_learns_when_to_come_back(wait: float, shown: str) -> None:
    """429 with Retry-After in whole seconds, rounded up, and the limit's headers."""
    answer = await asked(Limiter(allowed=False, retry_after=wait))
    assert (answer.status, answer.header("retry-after")) == (429, shown)
    assert answer.header("ratelimit-reset") == "3"
