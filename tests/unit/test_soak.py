"""The highest rate that is held, and whether a system tires."""

import io
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import httpx2
import pytest

from loadtests.soak.command import document, show
from loadtests.soak.judge import MIB, judge, memory, p99, queues, warm_up
from loadtests.soak.samples import Sample, Watcher, sampling
from loadtests.soak.search import RATES, Step, highest, search, step, step_seconds
from stack.ports import Ports
from stack.progress import Progress
from stack.state import State

Course = Callable[[float], float]
SERVICES = ("api", "worker", "notifier")


def windows(slower: float) -> list[dict[str, float]]:
    """Return ten windows of a minute, each slower by so many ms than the one before."""
    return [{"from_s": 60.0 * n, "p99_ms": 300 + slower * n} for n in range(10)]


def found(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return what a good load test of ten minutes wrote, but for these changes."""
    orders = {"promised": 18_000, "settled": 18_000, "lost": 0, "per_second": 30.0}
    good = {"ok": True, "broken": [], "rate_held": True, "orders": orders, "settled_windows": windows(1)}
    return {"entries": [], "errors": [], "error_rate": 0.0, "lost": [], "slowest": {}, **good, **changes}


def samples(size: Course = lambda _: 80.0, *, waiting: Course = lambda _: 3.0, **late: Any) -> list[Sample]:  # noqa: ANN401 - of Sample
    """Return ten minutes of samples, sizes in MiB; the last ones have these changes."""
    taken = [
        Sample(5.0 * n, dict.fromkeys(SERVICES, round(size(5 * n) * MIB)), 0.1, waiting(5 * n), 7)
        for n in range(1, 121)
    ]
    return [replace(sample, **(late if sample.second > 500 else {})) for sample in taken]


def unknown(field: str, when: Callable[[float], bool]) -> list[Sample]:
    """Return ten minutes of samples, some of which lack a value."""
    return [Sample(**{**asdict(one), field: None}) if when(one.second) else one for one in samples()]


def bad(found: dict[str, Any], seen: list[Sample]) -> set[str]:
    """Return the rows that are not as they should be."""
    return {row.name for row in judge(found, seen, 600, 30) if not row.ok}


LOST = found(orders={**found()["orders"], "lost": 1}, ok=False, broken=["lost: 1"], rate_held=False)


@pytest.mark.parametrize(
    ("document", "seen", "rows"),
    [
        (found(), samples(), ""),
        (found(), samples()[:20], "samples"),  # too few prove nothing
        (found(), samples(lambda second: 80 + second % 10), ""),  # memory may sway
        (found(), samples(lambda second: 60 + min(second, 100.0) / 5), ""),  # and caches may fill at first
        (
            found(),
            samples(lambda second: 60 + second / 81),
            "memory of api, memory of notifier, memory of worker",
        ),
        (found(), samples(dropped=8), "spans dropped"),
        (found(), [replace(samples()[0], dropped=None), *samples()[1:]], "spans dropped"),  # by this run
        (found(), samples(outbox_age=6), "oldest in an outbox"),
        (found(), samples(waiting=lambda second: second / 10), "waiting in queues"),
        (found(settled_windows=windows(40)), samples(), "p99 to settled"),
        (LOST, samples(), "load test, orders lost, orders/s"),
        *((found(), unknown(field, lambda second: second % 60 == 0), "") for field in ("waiting", "dropped")),
        *(
            (found(), unknown(field, when), row)
            for field, row in (
                ("outbox_age", "oldest in an outbox"),
                ("waiting", "waiting in queues"),
                ("dropped", "spans dropped"),
            )
            # What Prometheus does not know is no evidence: from the start, as with telemetry off, or later.
            for when in (lambda _: True, lambda second: second > 500)
        ),
    ],
)
def test_what_gets_worse_is_seen(document: dict[str, Any], seen: list[Sample], rows: str) -> None:
    """Memory, lost spans, outboxes, queues, durations, orders, and whatever nobody knows."""
    assert ", ".join(sorted(bad(document, seen))) == rows


def test_rows_say_what_was_seen() -> None:
    """A service that is gone has no memory; chance is a third and 25 ms; caches warm up for a while."""
    assert memory("api", samples(lambda second: 60 + second / 81)).seen == "+7.3 MiB, at 67"
    assert not memory("worker", samples(lambda second: 80 if second < 300 else 0)).ok
    assert queues(samples(waiting=lambda second: second % 25), 30).ok
    assert p99(windows(20), 600).ok
    assert not p99(windows(40)[:4], 600).ok
    assert p99([*windows(1), {"from_s": 600.0, "p99_ms": 9000}], 600) == p99(windows(1), 600)
    assert [warm_up(seconds) for seconds in (30, 120, 600, 3600)] == [15, 60, 120, 120]
    (row,) = [row for row in judge(found(), unknown("dropped", lambda _: True), 600, 30) if not row.ok]
    assert row.seen == "no evidence: known in 0 of 97 samples"


def test_a_series_that_is_missing_is_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty result says that nobody knows; it is empty, too, when one of the services is not scraped."""
    result, asked = list[object](), list[str]()

    def get(url: str, params: dict[str, str], **_: object) -> httpx2.Response:
        asked.append(params["query"])
        return httpx2.Response(200, json={"data": {"result": result}}, request=httpx2.Request("GET", url))

    monkeypatch.setattr(httpx2, "get", get)
    watcher = Watcher(State(Ports(), ()), "http://prometheus")
    assert watcher.look(5) == Sample(5, {}, None, None, None)
    ages, waiting, dropped = asked
    assert (ages[-4:], dropped[-4:]) == ("== 2", "== 3")
    assert "rabbitmq_detailed_queue_messages_ready" in waiting
    result.append({"metric": {}, "value": [1, "0"]})
    assert watcher.look(5) == Sample(5, {}, 0, 0, 0)


def test_a_rate_is_held_when_nothing_piles_up() -> None:
    """Samples of the first seconds are of the step before; without evidence no rate is held."""
    quiet = [Sample(float(n), {}, 0.2, 3, 0) for n in range(12)]
    early = [Sample(2.0, {}, 30.0, 900, 0), *quiet]
    assert step(30, found(), early) == Step(30, 30.0, 0.2, 3, 309, ())
    assert step(30, LOST, [*quiet, Sample(11.5, {}, 2.5, 31, 0)]).reasons == (
        "lost: 1",
        "only 30.0 orders/s were placed",
        "an entry waited 2.5 s in an outbox",
        "31 messages waited in queues",
    )
    blind = [Sample(float(n), {}, None, None, None) for n in range(12)]
    assert step(30, found(), blind).reasons == ("Prometheus knows nothing of outboxes and queues",)
    assert step(30, found(), early[:1]).reasons == ("Prometheus did not answer",)


def attempted(limit: float) -> list[Step]:
    """Return the steps on a system that holds up to so many orders a second."""
    return search(lambda rate: Step(rate, rate, 0, 0, 0, () if rate <= limit else ("too much",)))


@pytest.mark.parametrize(
    ("limit", "tried", "held"),
    [
        (100, [10, 25, 40, 60, 90, 130, 110], 90),
        (115, [10, 25, 40, 60, 90, 130, 110], 110),
        (9, [10], 0),
        (9999, list(RATES), 550),
    ],
)
def test_the_search_goes_up_until_something_piles_up(limit: float, tried: list[float], held: float) -> None:
    """And then once more, between the last that was held and the first that was not."""
    steps = attempted(limit)
    assert [one.rate for one in steps] == tried
    assert highest(steps) == held
    # Each is kept up for twelve seconds once all users are there: a thousand of them take ten to come.
    assert [step_seconds(rate) for rate in (10, 50, 60, 550)] == [12, 12, 13, 22]


def test_looking_goes_on_until_the_block_ends() -> None:
    """A look that fails is left out."""
    looks = list[float]()

    def look(second: float) -> Sample:
        looks.append(second)
        if len(looks) == 2:
            raise ConnectionRefusedError
        return Sample(second, {}, 0, 0, 0)

    with sampling(look, 0.005) as seen:
        deadline = time.monotonic() + 5
        while len(seen) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert len(seen) == len(looks) - 1 >= 3
    assert seen == sorted(seen, key=lambda sample: sample.second)


def test_people_and_programs_get_the_same_rows() -> None:
    """The document also has the search, and each sample."""
    steps, seen, stream = attempted(40), samples(dropped=9), io.StringIO()
    rows = judge(found(), seen, 600, 30)
    written = document(rows, steps, found(), seen)
    show(rows, Progress(stream))
    assert (written["ok"], written["highest_rate"], len(written["samples"])) == (False, 40, 120)
    assert [one["held"] for one in written["search"]] == [True, True, True, False, False]
    assert [row["name"] for row in written["rows"] if not row["ok"]] == ["spans dropped"]
    assert "spans dropped        2" in stream.getvalue()
    assert str(steps[0]) == "10 orders/s: held (outbox 0.0 s, 0 waiting, p99 0 ms)"
    assert str(steps[3]).startswith("60 orders/s: not held: too much (")
