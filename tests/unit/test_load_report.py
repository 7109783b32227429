"""A run as a document for programs and as text for people, and the thresholds that it must keep."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from loadtests.orders import RETRIED_ENTRY, SETTLED_ENTRY
from loadtests.report import lines, orders_per_second, rate_held
from loadtests.run import ORDER, SLOWEST, percentile
from tests.unit.load_samples import POST, SETTLED, document, entry, journey, options, run

ERRORS = [{"entry": "POST /v1/orders", "error": "answered 503: full", "count": 3}]


def test_the_document_has_what_programs_look_for(tmp_path: Path) -> None:
    """It has the percentiles of each entry, the counts of orders, and what exceeds its threshold."""
    written = json.loads(json.dumps(document(run(tmp_path, "--p95-ms", "5"), errors=ERRORS)))
    assert (written["ok"], written["rate_held"], written["errors"]) == (False, True, ERRORS)
    assert written["broken"] == ["POST /v1/orders: p95 9 ms is over 5 ms by 4 ms"]
    assert written["orders"] == {
        "promised": 900, "settled": 900, "lost": 0, "per_second": 15, "done": 880, "failed": 20
    }  # fmt: skip
    assert written["entries"] == [POST, SETTLED]
    assert (written["asked"]["rate"], written["asked"]["p95_ms"]) == (15, 5)


def test_a_lost_order_comes_with_its_ids_and_its_trace(tmp_path: Path) -> None:
    """A reader can open the trace and search the logs; no threshold makes a loss right."""
    this = run(tmp_path, "--traces", "http://127.0.0.1:16686/", "--max-errors", "1")
    this.ledger.promise("an-order", journey(7))
    found = document(this, lost=["an-order"])
    assert found["broken"] == ["lost: 1 of 901 promised orders"]
    assert document(run(tmp_path, promised=0), POST)["broken"] == ["no order was accepted"]
    (lost,), trace_id = found["lost"], "0" * 31 + "7"
    assert lost == {
        "order": "an-order",
        "correlation_id": f"load-{trace_id}",
        "trace_id": trace_id,
        "trace": f"http://127.0.0.1:16686/trace/{trace_id}",
    }


def test_the_slowest_of_each_entry_are_kept_with_their_traces(tmp_path: Path) -> None:
    """The slowest come first, and no more than a few are kept, however many there are."""
    this = run(tmp_path)
    for number in range(1000):
        this.note("POST", "/v1/orders", float(number * 37 % 1000), journey(number))
    for number in range(2 * SLOWEST):
        this.note(ORDER, SETTLED_ENTRY, 5.0, journey(number))  # as slow as each other: journeys have no order
    slowest = document(this)["slowest"]
    assert list(slowest) == ["POST /v1/orders", SETTLED_ENTRY]
    assert [one["ms"] for one in slowest["POST /v1/orders"]] == list(range(999, 999 - SLOWEST, -1))
    assert int(slowest["POST /v1/orders"][0]["trace_id"], 16) * 37 % 1000 == 999
    assert len(slowest[SETTLED_ENTRY]) == SLOWEST


def test_windows_show_the_course(tmp_path: Path) -> None:
    """Only orders whose payment is not retried count, by when they ended; a quiet window is left out."""
    this = run(tmp_path, "--seconds", "60")
    for second, milliseconds in ((1, 100.4), (5, 200.0), (13, 50.0)):
        this.began -= second
        this.note(ORDER, SETTLED_ENTRY, milliseconds, journey(second))
        this.began += second
    this.note(ORDER, RETRIED_ENTRY, 1100.0, journey(0))
    first, third = document(this)["settled_windows"]
    assert first == {"from_s": 0, "count": 2, "p50_ms": 100, "p95_ms": 200, "p99_ms": 200}
    assert (third["from_s"], third["p50_ms"]) == (12, 50)
    assert [run(tmp_path, "--seconds", str(n)).window for n in (8, 120, 600, 7200)] == [5, 12, 60, 60]
    hundred = Counter(range(1, 101))
    assert [percentile(hundred, share) for share in (50, 95, 99, 100)] == [50, 95, 99, 100]


def test_people_see_the_slowest_the_orders_and_the_verdict(tmp_path: Path) -> None:
    """They come after Locust's own tables, and the verdict is the last line."""
    this = run(tmp_path, "--p95-ms", "5", promised=100)
    this.note("POST", "/v1/orders", 31.0, journey(9))
    this.limits.update({"reached": 3, "not tried: the api named no limit": 1})
    assert list(lines(document(this))) == [
        f"slow: 31 ms POST /v1/orders: http://127.0.0.1:16686/trace/{journey(9).trace_id}",
        "100 orders promised, 100 settled, 0 lost; 1.7 orders/s",
        "the rate was not held: 1.7 orders/s instead of 15",
        "rate limit: not tried: the api named no limit",
        "rate limit: reached: 3",
        "over its threshold: POST /v1/orders: p95 9 ms is over 5 ms by 4 ms",
        "load: failed",
    ]
    assert list(lines(document(run(tmp_path))))[-1] == "load: ok"


RETRIED = entry(ORDER, RETRIED_ENTRY, 1200, 1300)
SLOW = entry("GET", "/v1/orders", 300.5, 400)


@pytest.mark.parametrize(
    ("arguments", "entries", "broken"),
    [
        ("", (POST, SETTLED), []),
        ("--p95-ms 9 --settled-p99-ms 310", (POST, SETTLED), []),
        ("", (POST, SLOW), ["GET /v1/orders: p95 300.5 ms is over 250 ms by 50.5 ms"]),
        ("--settled-p99-ms 300", (SETTLED,), [f"{SETTLED_ENTRY}: p99 310 ms is over 300 ms by 10 ms"]),
        ("", (RETRIED,), []),
        ("", (entry("POST", "/", 9, 9, failures=9),), []),
        (
            "--max-errors 0",
            (entry("POST", "/", 9, 9, failures=9),),
            ["errors: 9 of 900 (1.00%) are over 0.00% by 1.00%"],
        ),
    ],
)
def test_what_exceeds_its_threshold_is_named(
    arguments: str, entries: tuple[dict[str, object], ...], broken: list[str], tmp_path: Path
) -> None:
    """Requests keep the p95, settlements without a retry the p99; a value at its bound is within it."""
    assert document(run(tmp_path, *arguments.split()), *entries)["broken"] == broken


def placed(rate: float, seconds: int, share: float = 1.0) -> int:
    """Return the orders of a run whose users, a hundred more a second, place this share of their orders."""
    users = math.ceil(2 * rate)
    return round(share * rate * sum(min(users, 100 * (n + 1)) for n in range(seconds)) / users)


@pytest.mark.parametrize("rate", [10, 550, 2000])
@pytest.mark.parametrize("after", [2, 60])
def test_nobody_is_blamed_for_users_who_are_still_coming(rate: float, after: int) -> None:
    """A perfect api holds every rate, even when the run ends soon after; a slow one does not."""
    asked = options("--rate", str(rate))
    seconds = math.ceil(asked.spawn_seconds) + after
    reached, slow = (orders_per_second(asked, placed(rate, seconds, n), float(seconds)) for n in (1, 0.85))
    assert reached == pytest.approx(rate, rel=0.04)
    assert (rate_held(asked, reached), rate_held(asked, slow)) == (True, False)


def test_the_rate_is_held_at_nine_tenths() -> None:
    """Users who wait, or never came, place fewer orders; a ramp has no rate to hold."""
    asked, late = options("--rate", "15"), options("--rate", "2000")
    assert [rate_held(asked, rate) for rate in (13.5, 13.4)] == [True, False]
    assert rate_held(options("--rate", "15", "--shape", "ramp"), 1.0)
    assert not rate_held(late, orders_per_second(late, placed(2000, 30), 30.0))
    assert orders_per_second(asked, 0, 0.0) == 0
