"""Medians, ratios and verdicts: what many slices say together."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from loadtests.bench.figures import Slice, percentile, ratio, spread, summary
from loadtests.bench.options import Options
from loadtests.bench.report import document, misses, table, verdict

OPTIONS = Options(2, 3, 32, ("api", "worker"), ("on", "off", "bare", "bare_stock"), 1)


def slices(*rates: float, cpu_us: float = 500, **fields: Any) -> list[Slice]:  # noqa: ANN401 - of Slice
    """Return slices of a second each with these rates."""
    return [Slice(int(rate), 1.0, cpu_us * rate / 1e6, 0.2, **fields) for rate in rates]


def measured(
    on: Sequence[float],
    bare: Sequence[float],
    **fields: Any,  # noqa: ANN401 - of Slice
) -> dict[str, list[Slice]]:
    """Return the slices of one kind."""
    return {
        "on": slices(*on, cpu_us=540, telemetry=2_000, **fields),
        "off": slices(*[2 * rate for rate in bare], cpu_us=500),
        "bare": slices(*bare),
        "bare_stock": slices(*[rate / 2 for rate in bare]),
    }


def written(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - of Slice
    """Return the document of a run in which everything was fast enough."""
    kinds = {"api": measured([2000, 2200, 2100], [1000, 1000, 1000], **fields)}
    kinds["worker"] = measured([3000, 3000, 3000], [1000, 1000, 1000])
    return dict(json.loads(json.dumps(document(OPTIONS, kinds, {"api-on": 80.1}))))


def test_a_summary_has_medians_and_sums() -> None:
    """One slow slice decides nothing; orders add up."""
    found = summary(slices(100, 900, 1000, spans=3000, latencies=[0.01, 0.03]))
    assert (found["rate"], found["orders"], found["cpu_us"]) == (900, 2000, 500)
    assert (found["rate_low"], found["rate_high"]) == (100, 1000)
    assert found["spans_per_order"] == round(3000 / 900, 2)
    assert found["latency_p50_ms"] == 20


@pytest.mark.parametrize(
    ("values", "middle"),
    [([5.0], (5.0, 5.0)), ([1.0, 9.0], (1.0, 9.0)), ([1.0, 2.0, 3.0, 4.0, 100.0], (2.0, 4.0))],
)
def test_the_spread_is_the_middle_half(values: list[float], middle: tuple[float, float]) -> None:
    """Of few values, all of them."""
    assert spread(values) == middle


def test_ratios_are_taken_within_rounds() -> None:
    """A machine that becomes twice as fast in the middle changes no ratio."""
    assert ratio([100, 100, 400], [50, 100, 100]) == 2.0
    assert ratio([], []) is None


def test_percentiles_of_little_are_what_there_is() -> None:
    """No latency is no error."""
    assert [percentile([], 99), percentile([3.0], 99), percentile([1.0, 2.0], 50)] == [0, 3, 1.5]


def test_the_document_has_what_programs_look_for() -> None:
    """Rates by name, ratios, what telemetry costs, the lag; and that all bars were cleared."""
    found = written()
    api = found["api"]
    assert {name: api[name] for name in ("on", "off", "bare", "bare_stock")} == {
        "on": 2100,
        "off": 2000,
        "bare": 1000,
        "bare_stock": 500,
    }
    assert (api["on_bare"], api["on_off"], api["stock_bare"]) == (2.1, 1.05, 0.5)
    assert (api["telemetry_us"], api["outbox_lag_s"], api["unseen"]) == (40, 0.2, 0)
    assert (found["ok"], found["misses"], found["memory_mb"]) == (True, [], {"api-on": 80.1})
    assert found["options"]["rounds"] == 3


def test_orders_that_were_not_seen_are_no_success() -> None:
    """However fast it was."""
    found = written(unseen=1)
    assert (found["api"]["unseen"], found["ok"], found["misses"]) == (3, False, [])


def test_missed_bars_are_named_with_their_figures() -> None:
    """Ratios that are too low, costs that are too high; what was not measured is no miss."""
    assert misses({"api": {"on_bare": 1.9, "on_off": 0.85, "telemetry_us": 51.5}}) == [
        "api on_bare is 1.9, not 2.0",
        "api telemetry_us is 51.5, not 50.0",
    ]
    assert misses({"worker": {"on_bare": None}}) == []


def test_a_run_of_some_variants_has_no_ratio_to_others() -> None:
    """Nothing is made up."""
    found = document(OPTIONS, {"api": {"off": slices(100)}}, {})
    assert found["api"]["telemetry_us"] is None
    assert "on_bare" not in found["api"]
    assert verdict(found) == ["api: "]


def test_the_table_shows_every_variant() -> None:
    """Plain text where there is no terminal."""
    stream = io.StringIO()
    Console(file=stream, width=140).print(table(written()))
    text = stream.getvalue()
    assert all(f"{kind} {name} " in text for kind in OPTIONS.kinds for name in OPTIONS.names)
    assert "on_bare 2.1 (bar 2.0)" in verdict(written())[0]
