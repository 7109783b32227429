"""The figures of all slices: as a document for programs, and for people."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import Any

from loadtests.bench.slices import READS, Slice
from loadtests.bench.variants import KINDS
from stack.progress import columns

Steps = Mapping[str, Sequence[Slice]]
"""The slices of one variant, by step."""
RATIOS = {
    "cpu_bare_on": ("cpu_us", "bare", "on"),
    "cpu_stock_on": ("cpu_us", "bare_stock", "on"),
    "on_bare": ("rate", "on", "bare"),
    "on_off": ("rate", "on", "off"),
    "stock_bare": ("rate", "bare_stock", "bare"),
}
"""Ratios between variants, of CPU time and of rates."""
BARS = {
    "api": {"cpu_bare_on": 1.5, "cpu_stock_on": 4.0, "telemetry_us": 130.0},
    "worker": {"cpu_bare_on": 1.25, "cpu_stock_on": 2.7, "telemetry_us": 150.0},
}
"""The design's aims: ratios at least, µs at most."""
SHOWN = ("cpu_us", "rate", "rate_low", "rate_high", "busy", "outbox_lag_s", "latency_p99_ms", "unseen")


def document(options: Namespace, found: Mapping[str, Steps], memory: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of each variant's slices as JSON takes them.

    Of each service: the median rates a second by variant, the CPU time that telemetry adds an order
    (`telemetry_us`), the outbox's greatest age (`outbox_lag_s`, the median slice with telemetry), the ratios,
    and `variants` with everything that is known of each. `reads` has the CPU time of a read by variant,
    `against` the CPU time of each step here and in the other checkout.
    """
    kinds = {kind: _kind({name: steps[kind] for name, steps in found.items()}) for kind in KINDS}
    misses = [
        f"{kind} {name} is {value}, not {bar}"
        for kind, bars in BARS.items()
        for name, bar in bars.items()
        if (value := kinds[kind].get(name)) is not None
        and ((value > bar) if name == "telemetry_us" else (value < bar))
    ]
    reads = {
        read: {name: middle(steps[read], "cpu_us") for name, steps in found.items() if read in steps}
        for read in READS
    }
    given = {name: getattr(options, name) for name in ("seconds", "rounds", "clients", "processes")}
    written: dict[str, Any] = {
        **kinds,
        "reads": reads,
        "ok": not misses and not any(kind["unseen"] for kind in kinds.values()),
        "misses": misses,
        "memory_mb": dict(memory),
        "options": {**given, "kinds": KINDS, "names": options.variants},
    }
    if {"on", "against"} <= found.keys():
        steps = {name: _against(found["on"][name], found["against"][name]) for name in (*KINDS, *READS)}
        written["against"] = {"folder": str(options.against), **steps}
    return written


def _kind(found: Steps) -> dict[str, Any]:
    variants = {name: summary(slices) for name, slices in found.items()}
    both = zip(values(found.get("on", ()), "cpu_us"), values(found.get("off", ()), "cpu_us"), strict=False)
    added = [on - off for on, off in both]
    ratios = {
        name: ratio(found[one], found[other], value)
        for name, (value, one, other) in RATIOS.items()
        if {one, other} <= found.keys()
    }
    return {
        **{name: variant["rate"] for name, variant in variants.items()},
        "telemetry_us": round(median(added), 1) if added else None,
        "outbox_lag_s": variants["on"]["outbox_lag_s"] if "on" in variants else None,
        **ratios,
        "unseen": sum(variant["unseen"] for variant in variants.values()),
        "variants": variants,
    }


def _against(ours: Sequence[Slice], theirs: Sequence[Slice]) -> dict[str, float]:
    percents = {"ratio_low": 25, "ratio": 50, "ratio_high": 75}
    ratios = {name: ratio(ours, theirs, "cpu_us", percent) for name, percent in percents.items()}
    return {"cpu_us": middle(ours, "cpu_us"), "against_cpu_us": middle(theirs, "cpu_us"), **ratios}


def values(slices: Sequence[Slice], name: str) -> list[float]:
    """Return one figure of each slice."""
    return [one.figures[name] for one in slices]


def middle(slices: Sequence[Slice], name: str) -> float:
    """Return the median of a figure."""
    return round(median(values(slices, name)), 3)


def ratio(ours: Sequence[Slice], theirs: Sequence[Slice], name: str, percent: int = 50) -> float:
    """Return the median of the rounds' ratios: slices of one round ran within seconds of each other."""
    pairs = zip(values(ours, name), values(theirs, name), strict=True)
    return round(percentile([one / other for one, other in pairs], percent), 3)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile; 0 of nothing."""
    if len(values) < 2:  # noqa: PLR2004 - quantiles() needs two
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def summary(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the medians of a variant's slices, and how far the middle half of the rates spreads."""
    rates, latencies = values(slices, "rate"), [one * 1000 for slice_ in slices for one in slice_.latencies]
    return {
        **{name: middle(slices, name) for name in slices[0].figures},
        "rate_low": round(percentile(rates, 25), 1),
        "rate_high": round(percentile(rates, 75), 1),
        "outbox_lag_max_s": round(max(one.lag for one in slices), 3),
        "latency_p50_ms": round(percentile(latencies, 50), 2),
        "latency_p99_ms": round(percentile(latencies, 99), 2),
        "orders": sum(one.requests for one in slices),
        "unseen": sum(one.unseen for one in slices),
    }


def lines(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of each variant, the ratios, reads, the other checkout, and the missed bars."""
    variants = [(kind, *one) for kind in KINDS for one in written[kind]["variants"].items()]
    rows = [(f"{kind} {name}", *(f"{found[one]:.4g}" for one in SHOWN)) for kind, name, found in variants]
    yield from columns([("", *SHOWN), *rows])
    for kind in KINDS:
        names = [name for name in ("telemetry_us", *RATIOS) if written[kind].get(name) is not None]
        yield f"{kind}: {', '.join(f'{name} {written[kind][name]}' for name in names)}"
    for read, costs in written["reads"].items():
        yield f"read {read}: {', '.join(f'{name} {cost:.0f} µs' for name, cost in costs.items())}"
    for step, one in written.get("against", {}).items():
        if step != "folder":
            between = f"{one['ratio_low']} to {one['ratio_high']}"
            yield f"{step}: {one['ratio']} times the CPU of {written['against']['folder']} ({between})"
    yield from (f"missed: {miss}" for miss in written["misses"])
