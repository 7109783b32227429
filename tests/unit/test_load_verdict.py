"""Thresholds: what is over one is named, with by how much."""

import math
from dataclasses import replace

import pytest

from loadtests.options import parse
from loadtests.orders import PLAIN, RETRIED
from loadtests.verdict import ORDER, Entry, Result, broken, orders_per_second, rate_held
from tests.unit.load_samples import POST, SETTLED, result


def judged(found: Result, **told: str) -> list[str]:
    """Return what is over its threshold."""
    return broken(parse(told), found)


def test_a_good_run_breaks_nothing() -> None:
    """A value that is exactly at its threshold is within it."""
    assert judged(result()) == []
    assert judged(result(), LOAD_P95_MS="9", LOAD_SETTLED_P99_MS="310") == []


def test_each_kind_of_request_has_to_keep_the_p95() -> None:
    """An average of all would hide the slow one; orders are no requests."""
    slow = Entry("GET", "/v1/orders", 900, 0, 4, 300.5, 400, 500)
    assert judged(result(POST, SETTLED, slow)) == ["GET /v1/orders: p95 300.5 ms is over 250 ms by 50.5 ms"]
    assert judged(result(), LOAD_P95_MS="1") == ["POST /v1/orders: p95 9 ms is over 1 ms by 8 ms"]


def test_orders_have_to_be_settled_in_time() -> None:
    """But for those whose payment is retried after a second, on purpose."""
    assert judged(result(), LOAD_SETTLED_P99_MS="300") == [f"{PLAIN}: p99 310 ms is over 300 ms by 10 ms"]
    retried = Entry(ORDER, RETRIED, 9, 0, 1100, 1200, 1300, 1400)
    assert judged(result(POST, SETTLED, retried)) == []


def test_failures_are_counted_over_everything() -> None:
    """A share of all requests; 1 % is allowed, a hair more is not."""
    assert judged(result(replace(POST, failures=18), SETTLED)) == []
    assert judged(result(replace(POST, failures=90), SETTLED)) == [
        "errors: 90 of 1800 (5.00%) are over 1.00% by 4.00%"
    ]
    assert judged(result(replace(POST, failures=1), SETTLED), LOAD_MAX_ERRORS="0") != []


def test_one_lost_order_is_too_many() -> None:
    """No threshold makes it right."""
    found = result(lost=["a"], settled=899)
    assert judged(found, LOAD_MAX_ERRORS="1") == ["lost: 1 of 900 promised orders"]


def test_a_run_without_an_order_proves_nothing() -> None:
    """Whatever else it did."""
    assert judged(result(POST, promised=0, settled=0)) == ["no order was accepted"]
    assert Result((), 0, 0, (), 0.0).error_rate == 0


@pytest.mark.parametrize(("promised", "held"), [(810, True), (809, False)])
def test_the_rate_is_held_when_nine_tenths_were_placed(promised: int, held: bool) -> None:  # noqa: FBT001 - an expectation
    """Users who wait for slow answers place fewer orders, and would look fast."""
    found = result(promised=promised)
    assert rate_held(parse({"LOAD_RATE": "15"}), found) is held
    assert rate_held(parse({"LOAD_RATE": "15", "LOAD_SHAPE": "ramp"}), found)


def placed(rate: float, seconds: int, share: float = 1.0) -> Result:
    """Return what a run comes to whose users, a hundred more a second, place this share of their orders."""
    users = math.ceil(2 * rate)
    there = sum(min(users, 100 * (second + 1)) for second in range(seconds))
    return result(promised=round(share * rate * there / users), seconds=float(seconds))


@pytest.mark.parametrize("rate", [10, 50, 60, 190, 550, 2000])
@pytest.mark.parametrize("after", [2, 12, 60])
def test_nobody_is_blamed_for_users_who_are_still_coming(rate: float, after: int) -> None:
    """A perfect api holds every rate, however soon the run ends once all are there; a slow one does not."""
    options = parse({"LOAD_RATE": str(rate)})
    seconds = math.ceil(options.spawn_seconds) + after
    assert orders_per_second(options, placed(rate, seconds)) == pytest.approx(rate, rel=0.04)
    assert rate_held(options, placed(rate, seconds))
    assert not rate_held(options, placed(rate, seconds, share=0.85))


def test_a_rate_is_not_held_when_not_all_users_came() -> None:
    """Whatever those placed who did: it was another rate."""
    assert not rate_held(parse({"LOAD_RATE": "2000"}), placed(2000, 30))
    assert orders_per_second(parse({}), result(seconds=0.0)) == 0
