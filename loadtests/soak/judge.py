"""Whether a system gets worse: memory, telemetry, durations and queues at the end as after warming up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import linear_regression, median
from typing import Any

from loadtests.soak.samples import Sample, known
from stack.components import SERVICES

MIB = 2**20
MAX_GROWTH_SHARE, MAX_GROWTH_BYTES = 0.05, 4 * MIB
"""A service's memory may grow by the larger of the two after warming up."""
MAX_P99_FACTOR, MAX_P99_MS = 1.3, 25.0
"""The p99 of the second half may be the first's times the factor, and this many ms more."""
MAX_OUTBOX_AGE = 5.0
LEAST_WARMING, MOST_WARMING, WARMING_SHARE = 60.0, 120.0, 0.2
FEWEST = 4
"""Fewer samples, or windows, say nothing about a course."""
MOST_UNKNOWN = 0.1
"""The share of samples after warming up that may lack a value: a scrape can be late."""


@dataclass(frozen=True, slots=True)
class Row:
    """Something that is judged, as people read it."""

    name: str
    seen: str
    bound: str
    ok: bool


def warm_up(seconds: float) -> float:
    """Return the seconds after which a soak counts: caches keep orders for a minute."""
    return min(seconds / 2, max(LEAST_WARMING, min(MOST_WARMING, WARMING_SHARE * seconds)))


def judge(found: dict[str, Any], samples: Sequence[Sample], seconds: float, rate: float) -> list[Row]:
    """Return every row; the soak is passed when each row is."""
    warm = [sample for sample in samples if sample.second >= warm_up(seconds)]
    if len(warm) < FEWEST:
        return [Row("samples", str(len(warm)), f"at least {FEWEST}", ok=False)]
    orders = found["orders"]
    age = max(known(sample.outbox_age for sample in samples), default=0.0)
    oldest = Row("oldest in an outbox", f"{age:.1f} s", f"{MAX_OUTBOX_AGE:g} s", age <= MAX_OUTBOX_AGE)
    drops = [sample.dropped for sample in warm]
    # A service that is not scraped yet at the start has just started, and has dropped nothing before.
    dropped = max(0.0, (known(drops) or [0.0])[-1] - (samples[0].dropped or 0.0))
    return [
        *(memory(name, warm) for name in SERVICES),
        evident(Row("spans dropped", f"{dropped:.0f}", "0", dropped == 0), drops),
        p99(found["settled_windows"], seconds),
        evident(oldest, [sample.outbox_age for sample in warm]),
        evident(queues(warm, rate), [sample.waiting for sample in warm]),
        Row("orders lost", str(orders["lost"]), f"0 of {orders['promised']}", orders["lost"] == 0),
        Row("load test", "; ".join(found["broken"]) or "ok", "ok", found["ok"]),
        Row("orders/s", f"{orders['per_second']}", f"90 % of {rate:g}", found["rate_held"]),
    ]


def evident(row: Row, values: Sequence[float | None]) -> Row:
    """Return a row; it fails when Prometheus too often did not know what it is judged by."""
    there, samples = len(known(values)), len(values)
    if samples - there <= MOST_UNKNOWN * samples:
        return row
    return replace(row, seen=f"no evidence: known in {there} of {samples} samples", ok=False)


def memory(name: str, samples: Sequence[Sample]) -> Row:
    """Return how much a service grew, by the straight line through all samples."""
    sizes = [sample.memory.get(name, 0) for sample in samples]
    slope = linear_regression([sample.second for sample in samples], sizes).slope
    growth = slope * (samples[-1].second - samples[0].second)
    bound = max(MAX_GROWTH_BYTES, MAX_GROWTH_SHARE * median(sizes))
    seen = f"{growth / MIB:+.1f} MiB, at {sizes[-1] / MIB:.0f}"
    return Row(f"memory of {name}", seen, f"{bound / MIB:+.1f} MiB", min(sizes) > 0 and growth <= bound)


def p99(windows: Sequence[dict[str, float]], seconds: float) -> Row:
    """Compare the p99 from acceptance to settlement of the second half's windows with the first half's."""
    name, complete = "p99 to settled", [window for window in windows[1:] if window["from_s"] < seconds]
    if len(complete) < FEWEST:
        return Row(name, f"{len(complete)} windows", f"at least {FEWEST}", ok=False)
    half = len(complete) // 2
    first, second = (median(one["p99_ms"] for one in some) for some in (complete[:half], complete[half:]))
    bound = first * MAX_P99_FACTOR + MAX_P99_MS
    return Row(name, f"{first:.0f} ms, then {second:.0f} ms", f"{bound:.0f} ms", ok=second <= bound)


def queues(samples: Sequence[Sample], rate: float) -> Row:
    """Compare the messages that wait at the end with those at first: a second's orders more are too many."""
    waiting = known(sample.waiting for sample in samples) or [0.0]
    third = max(1, len(waiting) // 3)
    first, last = median(waiting[:third]), median(waiting[-third:])
    return Row("waiting in queues", f"{first:.0f}, then {last:.0f}", f"+{rate:.0f}", last <= first + rate)
