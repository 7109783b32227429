"""The figures as a table for people and as a document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from loadtests.bench.figures import Slice, ratio, summary
from loadtests.bench.options import Options

BARS = {
    ("api", "on_bare"): 2.0,
    ("api", "on_off"): 0.85,
    ("api", "telemetry_us"): 50.0,
    ("worker", "on_bare"): 2.5,
    ("worker", "on_off"): 0.75,
    ("worker", "telemetry_us"): 80.0,
}
"""What is asked for: ratios at least, µs at most."""
RATIOS = {"on_bare": ("on", "bare"), "on_off": ("on", "off"), "stock_bare": ("bare_stock", "bare")}

Slices = Mapping[str, Mapping[str, Sequence[Slice]]]
"""By kind and name."""


def document(options: Options, slices: Slices, memory: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures as JSON takes them.

    Of each kind: the median rates a second by the variant's name, the CPU time that telemetry adds an order
    (`telemetry_us`), the outbox's greatest age (`outbox_lag_s`, the median slice with telemetry), the ratios,
    and `variants` with everything that is known of each.
    """
    kinds = {kind: _kind(found) for kind, found in slices.items()}
    return {
        **kinds,
        "ok": all(kind["unseen"] == 0 for kind in kinds.values()) and not misses(kinds),
        "misses": misses(kinds),
        "memory_mb": dict(memory),
        "options": asdict(options),
    }


def _kind(found: Mapping[str, Sequence[Slice]]) -> dict[str, Any]:
    variants = {name: summary(slices) for name, slices in found.items()}
    rates = {name: [one.rate for one in slices] for name, slices in found.items()}
    ratios = {
        name: ratio(rates[over], rates[under])
        for name, (over, under) in RATIOS.items()
        if over in rates and under in rates
    }
    return {
        **{name: variant["rate"] for name, variant in variants.items()},
        "telemetry_us": _telemetry(found),
        "outbox_lag_s": variants["on"]["outbox_lag_s"] if "on" in variants else None,
        **ratios,
        "unseen": sum(variant["unseen"] for variant in variants.values()),
        "variants": variants,
    }


def _telemetry(found: Mapping[str, Sequence[Slice]]) -> float | None:
    if not {"on", "off"} <= found.keys():
        return None
    pairs = zip(found["on"], found["off"], strict=True)
    differences = sorted(on.cpu_us - off.cpu_us for on, off in pairs)
    return round(differences[len(differences) // 2], 1)


def misses(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return which bars were missed, and by how much."""
    found = []
    for (kind, name), bar in BARS.items():
        value = kinds.get(kind, {}).get(name)
        if value is None:
            continue
        if (value > bar) if name == "telemetry_us" else (value < bar):
            found.append(f"{kind} {name} is {value}, not {bar}")
    return found


def table(written: Mapping[str, Any]) -> Table:
    """Return the figures of each variant as a table."""
    view = Table("", "orders/s", "middle half", "CPU µs", "busy", "lag s", "p50 ms", "p99 ms", box=None)
    view.add_column("spans")
    view.add_column("bytes")
    view.add_column("unseen")
    for column in view.columns[1:]:
        column.justify = "right"
    for kind in ("api", "worker"):
        for name, figures in written.get(kind, {}).get("variants", {}).items():
            view.add_row(f"{kind} {name}", *_cells(figures))
    return view


def _cells(figures: Mapping[str, Any]) -> list[str]:
    names = "cpu_us busy outbox_lag_s latency_p50_ms latency_p99_ms spans_per_order telemetry_bytes unseen"
    return [
        f"{figures['rate']:.0f}",
        f"{figures['rate_low']:.0f} to {figures['rate_high']:.0f}",
        *(str(figures[name]) for name in names.split()),
    ]


def verdict(written: Mapping[str, Any]) -> list[str]:
    """Return the ratios and the cost of telemetry in words, beside what they should be."""
    lines = []
    for kind in ("api", "worker"):
        figures = written.get(kind)
        if figures is None:
            continue
        parts = []
        for name in (*RATIOS, "telemetry_us", "outbox_lag_s"):
            if figures.get(name) is not None:
                bar = BARS.get((kind, name))
                parts.append(f"{name} {figures[name]}" + (f" (bar {bar})" if bar else ""))
        lines.append(f"{kind}: " + ", ".join(parts))
    return lines
