"""A run as a document for programs and as text for people."""

import io
import json
from dataclasses import replace
from pathlib import Path

from loadtests.orders import PLAIN
from loadtests.report import document
from loadtests.slowest import Slowest
from loadtests.summary import line, show
from loadtests.verdict import ORDER
from loadtests.windows import Windows, percentile, window_seconds
from stack.progress import Progress
from tests.unit.load_samples import POST, SETTLED, journey, result, run

ERRORS = [{"entry": "POST /v1/orders", "error": "answered 503: full", "count": 3}]


def test_the_document_has_what_programs_look_for(tmp_path: Path) -> None:
    """Percentiles of each entry, what was promised and kept, and what is over a threshold."""
    this = run(tmp_path, LOAD_P95_MS="5")
    this.ledger.ends.update(done=880, failed=20)
    written = json.loads(json.dumps(document(this, result(), ERRORS)))
    assert (written["ok"], written["rate_held"], written["errors"]) == (False, True, ERRORS)
    assert written["broken"] == ["POST /v1/orders: p95 9 ms is over 5 ms by 4 ms"]
    assert written["orders"] == {
        "promised": 900, "settled": 900, "lost": 0, "per_second": 15, "done": 880, "failed": 20
    }  # fmt: skip
    post, settled = written["entries"]
    assert (post["title"], post["p50_ms"], post["p95_ms"], post["p99_ms"]) == ("POST /v1/orders", 4, 9, 15)
    assert (settled["title"], settled["requests"]) == (PLAIN, 900)
    assert (written["asked"]["rate"], written["asked"]["p95_ms"]) == (15, 5)


def test_a_lost_order_comes_with_what_it_is_found_under(tmp_path: Path) -> None:
    """Its journey's ids, and where its trace can be opened."""
    this = run(tmp_path, LOAD_TRACES="http://127.0.0.1:16686/")
    this.ledger.promise("an-order", journey(7))
    (lost,) = document(this, result(lost=["an-order"]), [])["lost"]
    trace_id = "0" * 31 + "7"
    assert lost == {
        "order": "an-order",
        "correlation_id": f"load-{trace_id}",
        "trace_id": trace_id,
        "trace": f"http://127.0.0.1:16686/trace/{trace_id}",
    }


def test_the_slowest_of_each_entry_are_kept_with_their_traces(tmp_path: Path) -> None:
    """The slowest first, and no more than a few however many there are."""
    this = run(tmp_path)
    for number in range(1000):
        this.note("POST", "/v1/orders", float(number * 37 % 1000), journey(number))
    this.note(ORDER, PLAIN, 5.0, journey(1))
    this.note("GET", "/v1/orders", 5.0, None)
    slowest = document(this, result(), [])["slowest"]
    assert list(slowest) == ["POST /v1/orders", PLAIN]
    assert [one["ms"] for one in slowest["POST /v1/orders"]] == list(range(999, 989, -1))
    assert int(slowest["POST /v1/orders"][0]["trace_id"], 16) * 37 % 1000 == 999


def test_as_slow_as_another_is_no_error() -> None:
    """Journeys have no order."""
    slowest = Slowest(kept=2)
    for number in range(4):
        slowest.note("GET", 1.0, journey(number))
    assert len(slowest.document("http://t")["GET"]) == 2


def test_windows_tell_the_course(tmp_path: Path) -> None:
    """Only orders whose payment is not retried, by when they ended; a quiet window is left out."""
    this = run(tmp_path, LOAD_SECONDS="60")
    for second, milliseconds in ((1, 100.4), (5, 200.0), (13, 50.0)):
        this.began -= second
        this.note(ORDER, PLAIN, milliseconds, journey(second))
        this.began += second
    this.note(ORDER, "accept to settled, payment retried", 1100.0, journey(0))
    first, third = this.settled.document()
    assert first == {"from_s": 0, "count": 2, "p50_ms": 100, "p95_ms": 200, "p99_ms": 200}
    assert (third["from_s"], third["p50_ms"]) == (12, 50)


def test_percentiles_are_values_that_were_seen() -> None:
    """The least that so many are not over."""
    windows = Windows(5.0)
    for value in range(1, 101):
        windows.note(0.0, value)
    counts = windows.total()
    assert [percentile(counts, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile(Windows(5.0).total(), 0.99) == 0
    assert [window_seconds(seconds) for seconds in (8, 120, 600, 7200)] == [5, 12, 60, 60]


def shown(this: dict[str, object], *, colour: bool = False) -> str:
    """Return what people get to read."""
    stream = io.StringIO()
    show(this, (POST, replace(SETTLED, failures=2)), Progress(stream, colour=colour))
    return stream.getvalue()


def test_people_see_the_table_the_failures_and_the_verdict(tmp_path: Path) -> None:
    """Without colours where there is no terminal."""
    this = run(tmp_path, LOAD_P95_MS="5")
    this.note("POST", "/v1/orders", 31.0, journey(9))
    this.limits["reached"] = 3
    text = shown(document(this, result(promised=100, settled=99, lost=()), ERRORS))
    assert "POST /v1/orders    900    0       4 ms   9 ms    15 ms   31 ms\n" in text
    assert "3 times POST /v1/orders: answered 503: full\n" in text
    assert f"slow: 31 ms POST /v1/orders: http://127.0.0.1:16686/trace/{journey(9).trace_id}\n" in text
    assert "100 orders promised, 99 settled, 0 lost; 1.7 orders/s\n" in text
    assert "the rate was not held: 1.7 orders/s instead of 15\n" in text
    assert "rate limit: reached: 3\n" in text
    assert "over its threshold: POST /v1/orders: p95 9 ms is over 5 ms by 4 ms\n" in text
    assert text.endswith("load: failed\n")
    assert "\x1b" not in text


def test_a_good_run_is_green_at_a_terminal(tmp_path: Path) -> None:
    """And a line with failures is red."""
    text = shown(document(run(tmp_path), result(), []), colour=True)
    assert "\x1b[32mload: ok\x1b[0m\n" in text
    assert f"\x1b[31m{PLAIN}" in text


def test_a_line_says_how_it_goes(tmp_path: Path) -> None:
    """Seconds, users, orders, failures, p95."""
    this = run(tmp_path)
    this.ended = this.began + 12.0
    this.ledger.promise("a", journey(1))
    assert line(this, 30, 2, 14.0) == "  12 s  30 users  1 orders, 1 open  2 failures  p95 14 ms"
