"""The figures of all slices: as a document for programs, and for people."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import Any

from rich.table import Table

from loadtests.bench.slices import READS, Slice
from loadtests.bench.variants import KINDS

Slices = Mapping[str, Mapping[str, Sequence[Slice]]]
"""By variant and step."""
RATES = {"on_bare": ("on", "bare"), "on_off": ("on", "off"), "stock_bare": ("bare_stock", "bare")}
COSTS = {"cpu_bare_on": ("bare", "on"), "cpu_stock_on": ("bare_stock", "on")}
"""Ratios of CPU time: how much more the bare programs need, and how much more with stock instrumentation."""
BARS = {
    "api": {"cpu_bare_on": 1.5, "cpu_stock_on": 4.0, "telemetry_us": 130.0},
    "worker": {"cpu_bare_on": 1.25, "cpu_stock_on": 2.7, "telemetry_us": 150.0},
}
"""The design's aims: ratios at least, µs at most."""
SHOWN = ("cpu_us", "rate", "rate_low", "rate_high", "busy", "outbox_lag_s", "latency_p99_ms", "unseen")


def document(options: Namespace, slices: Slices, memory: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures as JSON takes them.

    Of each service: the median rates a second by variant, the CPU time that telemetry adds an order
    (`telemetry_us`), the outbox's greatest age (`outbox_lag_s`, the median slice with telemetry), the ratios,
    and `variants` with everything that is known of each. `reads` has the CPU time of a read by variant,
    `against` the CPU time of each step here and in the other checkout.
    """
    kinds = {kind: _kind({name: steps[kind] for name, steps in slices.items()}) for kind in KINDS}
    misses = [
        f"{kind} {name} is {value}, not {bar}"
        for kind, bars in BARS.items()
        for name, bar in bars.items()
        if (value := kinds[kind].get(name)) is not None
        and ((value > bar) if name == "telemetry_us" else (value < bar))
    ]
    reads = {
        read: {name: _cpu_us(steps[read]) for name, steps in slices.items() if read in steps}
        for read in READS
    }
    given = {name: getattr(options, name) for name in ("seconds", "rounds", "clients", "processes")}
    found: dict[str, Any] = {
        **kinds,
        "reads": reads,
        "ok": not misses and not any(kind["unseen"] for kind in kinds.values()),
        "misses": misses,
        "memory_mb": dict(memory),
        "options": {**given, "kinds": KINDS, "names": options.variants},
    }
    if {"on", "against"} <= slices.keys():
        steps = {name: _against(slices["on"][name], slices["against"][name]) for name in (*KINDS, *READS)}
        found["against"] = {"folder": str(options.against), **steps}
    return found


def _kind(found: Mapping[str, Sequence[Slice]]) -> dict[str, Any]:
    variants = {name: summary(slices) for name, slices in found.items()}
    rates = {name: [one.rate for one in slices] for name, slices in found.items()}
    costs = {name: [one.cpu_us for one in slices] for name, slices in found.items()}
    added = [on - off for on, off in zip(costs.get("on", []), costs.get("off", []), strict=False)]
    return {
        **{name: variant["rate"] for name, variant in variants.items()},
        "telemetry_us": round(median(added), 1) if added else None,
        "outbox_lag_s": variants["on"]["outbox_lag_s"] if "on" in variants else None,
        **{name: ratio(rates[a], rates[b]) for name, (a, b) in RATES.items() if {a, b} <= found.keys()},
        **{name: ratio(costs[a], costs[b]) for name, (a, b) in COSTS.items() if {a, b} <= found.keys()},
        "unseen": sum(variant["unseen"] for variant in variants.values()),
        "variants": variants,
    }


def _against(ours: Sequence[Slice], theirs: Sequence[Slice]) -> dict[str, float]:
    costs = [one.cpu_us for one in ours], [one.cpu_us for one in theirs]
    middle = {"ratio_low": 25, "ratio": 50, "ratio_high": 75}
    ratios = {name: ratio(*costs, percent) for name, percent in middle.items()}
    return {"cpu_us": _cpu_us(ours), "against_cpu_us": _cpu_us(theirs), **ratios}


def ratio(numerators: Sequence[float], denominators: Sequence[float], percent: int = 50) -> float:
    """Return the median of the rounds' ratios: slices of one round ran within seconds of each other."""
    return round(percentile([a / b for a, b in zip(numerators, denominators, strict=True)], percent), 3)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile; 0 of nothing."""
    if len(values) < 2:  # noqa: PLR2004 - quantiles() needs two
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _cpu_us(slices: Sequence[Slice]) -> float:
    return round(median(one.cpu_us for one in slices), 1)


def summary(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the medians of a variant's slices, and how far the middle half of the rates spreads."""
    rates = [one.rate for one in slices]
    latencies = [seconds * 1000 for one in slices for seconds in one.latencies]
    return {
        "rate": round(median(rates), 1),
        "rate_low": round(percentile(rates, 25), 1),
        "rate_high": round(percentile(rates, 75), 1),
        "cpu_us": _cpu_us(slices),
        "busy": round(median(one.cpu / one.seconds for one in slices), 3),
        "servers_cpu_us": round(median(one.servers_cpu / one.requests for one in slices) * 1e6, 1),
        "outbox_lag_s": round(median(one.lag for one in slices), 3),
        "outbox_lag_max_s": round(max(one.lag for one in slices), 3),
        "latency_p50_ms": round(percentile(latencies, 50), 2),
        "latency_p99_ms": round(percentile(latencies, 99), 2),
        "telemetry_bytes": round(median(one.telemetry / one.requests for one in slices)),
        "spans_per_order": round(median(one.spans / one.requests for one in slices), 2),
        "orders": sum(one.requests for one in slices),
        "unseen": sum(one.unseen for one in slices),
    }


def table(written: Mapping[str, Any]) -> Table:
    """Return the figures of each variant."""
    view = Table("", *(name.replace("_", " ") for name in SHOWN), box=None)
    for kind in KINDS:
        for name, figures in written[kind]["variants"].items():
            view.add_row(f"{kind} {name}", *(str(figures[shown]) for shown in SHOWN))
    return view


def lines(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ratios, what a read costs, the comparison with the other checkout, and the missed bars."""
    for kind in KINDS:
        names = [name for name in (*COSTS, "telemetry_us", *RATES) if written[kind].get(name) is not None]
        yield f"{kind}: {', '.join(f'{name} {written[kind][name]}' for name in names)}"
    for read, costs in written["reads"].items():
        yield f"read {read}: {', '.join(f'{name} {cost} µs' for name, cost in costs.items())}"
    for step, one in written.get("against", {}).items():
        if step != "folder":
            middle = f"{one['ratio_low']} to {one['ratio_high']}"
            yield f"{step}: {one['ratio']} times the CPU of {written['against']['folder']} ({middle})"
    yield from (f"missed: {miss}" for miss in written["misses"])
