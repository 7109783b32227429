"""Medians, ratios and verdicts: what many slices say together."""

import json
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

import pytest

from loadtests.bench.report import Steps, document, lines, percentile, ratio, summary
from loadtests.bench.slices import READS, Slice


def slices(cpu_us: float, *rates: int, **fields: Any) -> list[Slice]:  # noqa: ANN401 - of Slice
    """Return slices of a second each with these rates."""
    orders = (["an-order"] * rate for rate in rates)
    return [Slice(one, seconds=1.0, cpu=cpu_us * len(one) / 1e6, lag=0.2, **fields) for one in orders]


def measured(**fields: Any) -> dict[str, dict[str, list[Slice]]]:  # noqa: ANN401 - of Slice
    """Return the slices of a run in which everything was fast enough."""
    costs = {"on": 500, "against": 400, "off": 460, "bare": 1000, "bare_stock": 2500}
    rates = {"on": (2000, 2200, 2100), "off": (2000,) * 3, "bare": (1000,) * 3, "bare_stock": (500,) * 3}
    steps = {name: ("api", "worker") if "bare" in name else ("api", "worker", *READS) for name in costs}
    return {
        name: {
            step: slices(cost, *rates.get(name, (2000,) * 3), **(fields if name == "on" else {}))
            for step in steps[name]
        }
        for name, cost in costs.items()
    }


def written(found: Mapping[str, Steps]) -> dict[str, Any]:
    """Return the document of a run as it is read from its file."""
    options = Namespace(seconds=2, rounds=3, clients=32, processes=1, variants=tuple(found), against="/other")
    return dict(json.loads(json.dumps(document(options, found, {"api-on": 80.1}))))


def test_slices_come_to_medians_and_ratios() -> None:
    """One slow slice decides nothing; a machine that changes its speed changes no ratio within rounds."""
    found = summary(slices(500, 100, 900, 1000, latencies=[0.01, 0.03], spans=3000))
    assert (found["rate"], found["orders"], found["cpu_us"]) == (900, 2000, 500)
    assert (found["rate_low"], found["rate_high"]) == (500, 950)
    assert (found["latency_p50_ms"], found["spans_per_order"]) == (20, round(3000 / 900, 3))
    assert ratio(slices(9, 100, 100, 400), slices(9, 50, 100, 200), "rate") == 2.0
    assert [percentile([], 99), percentile([3.0], 99), percentile([1.0, 2.0], 50)] == [0, 3, 1.5]


def test_the_document_has_what_programs_look_for() -> None:
    """It has rates by variant, ratios, the cost of telemetry and the lag; all bars were cleared."""
    found = written(measured())
    api = found["api"]
    assert (api["on"], api["off"], api["bare"], api["bare_stock"]) == (2100, 2000, 1000, 500)
    assert (api["on_bare"], api["on_off"], api["stock_bare"]) == (2.1, 1.05, 0.5)
    assert (api["cpu_bare_on"], api["cpu_stock_on"]) == (2, 5)
    assert (api["telemetry_us"], api["outbox_lag_s"], api["unseen"]) == (40, 0.2, 0)
    assert (found["ok"], found["misses"], found["memory_mb"]) == (True, [], {"api-on": 80.1})
    assert (found["options"]["rounds"], found["options"]["kinds"]) == (3, ["api", "worker"])
    assert found["reads"]["order"] == {"on": 500, "against": 400, "off": 460}
    unseen = written(measured(unseen=1))  # however fast it was
    assert (unseen["api"]["unseen"], unseen["ok"], unseen["misses"]) == (3, False, [])


def test_the_other_checkout_is_compared_step_by_step() -> None:
    """Each step has the CPU time here and there, and the ratio with its middle half."""
    against = written(measured())["against"]
    assert against.keys() == {"folder", "api", "worker", *READS}
    assert against["folder"] == "/other"
    ratios = {"ratio": 1.25, "ratio_low": 1.25, "ratio_high": 1.25}
    assert against["worker"] == {"cpu_us": 500, "against_cpu_us": 400, **ratios}


@pytest.mark.parametrize(
    ("variant", "cost", "misses"),
    [
        ("on", 800, {"api cpu_bare_on", "api cpu_stock_on", "api telemetry_us"}),
        ("off", 300, {"api telemetry_us"}),
        ("bare_stock", 1900, {"api cpu_stock_on"}),
    ],
)
def test_missed_bars_are_named(variant: str, cost: float, misses: set[str]) -> None:
    """A ratio can be too low, and telemetry too dear."""
    found = measured()
    found[variant]["api"] = slices(cost, 100, 100, 100)
    assert {miss.partition(" is ")[0] for miss in written(found)["misses"]} == misses


def test_a_run_of_some_variants_has_no_ratio_to_others() -> None:
    """Nothing is made up."""
    found = written({"off": measured()["off"]})
    assert found["api"]["telemetry_us"] is None
    assert not {"cpu_bare_on", "against"} & {*found["api"], *found}
    assert "api: " in list(lines(found))


def test_people_see_every_variant_and_the_comparison() -> None:
    """The figures of each variant come first."""
    text = "\n".join(lines(written(measured())))
    assert all(f"{kind} {name} " in text for kind in ("api", "worker") for name in measured())
    assert "api: telemetry_us 40.0, cpu_bare_on 2.0" in text
    assert "list_20: 1.25 times the CPU of /other (1.25 to 1.25)" in text
