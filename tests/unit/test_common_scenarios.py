"""Scenarios: on for everybody until they end, or for one request; seen by hooks when they are."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagValueType
from openfeature.hook import Hook, HookContext, HookHints
from redis.exceptions import ConnectionError  # noqa: A004 - it is Redis' own

from services.common.scenarios import MAX_SECONDS, Scenarios, ends

HEADERS = {"baggage": "scenario=smtp-down"}


class Recorder(Hook):
    """Records which flags were found to be what."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, object, str]] = []

    def after(
        self, hook_context: HookContext, details: FlagEvaluationDetails[FlagValueType], hints: HookHints
    ) -> None:
        del hook_context, hints
        self.seen.append((details.flag_key, details.value, str(details.reason)))


def requested(headers: Mapping[str, object] | None) -> str:
    """Ask for `smtp-down` with these headers, for nothing without."""
    return "smtp-down" if headers is HEADERS else ""


def scenarios(*on: str, hook: Recorder | None = None) -> Scenarios:
    """Return scenarios of which some are on."""
    made = Scenarios(requested, [hook] if hook else [])
    made.update({name: time.time() + 60 for name in on})
    return made


def test_what_is_switched_on_is_on_for_everybody() -> None:
    """That one, and no other."""
    found = scenarios("payment-slow")
    assert found.on("payment-slow")
    assert found.on("payment-slow", {})
    assert found.everywhere("payment-slow")
    assert not found.on("payment-hang")


@pytest.mark.parametrize("others", [(), ("payment-slow",)])
def test_a_request_gets_what_it_asks_for_and_nobody_else(others: tuple[str, ...]) -> None:
    """Whether or not others are on."""
    found = scenarios(*others)
    assert found.on("smtp-down", HEADERS)
    assert not found.on("payment-hang", HEADERS)
    assert not found.on("smtp-down")
    assert not found.everywhere("smtp-down")


def test_hooks_get_the_reason_for_one_that_is_on_and_nothing_otherwise() -> None:
    """OpenFeature is asked only when the answer can be yes."""
    hook = Recorder()
    scenarios(hook=hook).on("payment-slow")
    assert hook.seen == []
    scenarios("payment-slow", hook=hook).on("payment-slow")
    scenarios(hook=hook).on("smtp-down", HEADERS)
    assert hook.seen == [("payment-slow", True, "STATIC"), ("smtp-down", True, "TARGETING_MATCH")]


async def test_effects_end_in_time_also_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated outage of the broker lasts no longer than it was switched on for."""
    monkeypatch.setattr("services.common.scenarios.WATCH_SECONDS", 0.05)
    found, seen = Scenarios(requested), list[bool]()
    found.applies(lambda: seen.append(found.everywhere("broker-down")))
    replies = iter([{"broker-down": str(time.time() + 0.3), "smtp-down": "soon"}])

    async def hgetall(_: str) -> dict[str, str]:
        for reply in replies:
            return reply
        raise ConnectionError

    redis: Any = SimpleNamespace(hgetall=hgetall)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.6):
            await found.watch(redis)
    assert (seen[0], seen[-1]) == (True, False)
    assert not found.on("smtp-down")  # a value that is no time is none


def test_no_scenario_lasts_longer_than_it_may() -> None:
    """What never ends, or ends at no valid time, was not switched on by an operator: it is off."""
    now = time.time()
    times = [now + MAX_SECONDS, now + 2 * MAX_SECONDS, now - 1, 1e30, "inf", "nan"]
    assert list(ends(dict(zip("abcdef", map(str, times), strict=True)))) == ["a"]
