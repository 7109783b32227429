"""What a slice showed, and what many slices say together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

MICRO = 1e6
FEW = 2


@dataclass(frozen=True, slots=True)
class Slice:
    """One turn of one variant."""

    orders: int
    seconds: float
    """From the first request or delivery until nothing waited in the outbox and all was published."""
    cpu: float
    """CPU time of its processes, in seconds, the export of all of its spans included."""
    lag: float
    """The greatest age of the outbox's oldest entry, in seconds."""
    servers: float = 0.0
    """CPU time of RabbitMQ and Redis, in seconds."""
    telemetry: int = 0
    """Bytes of exported spans and of log lines."""
    spans: int = 0
    unseen: int = 0
    """Orders without all of their spans and log lines."""
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU time an order, in µs."""
        return self.cpu / self.orders * MICRO


def summary(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the medians of a variant's slices, and how far the middle half of the rates spreads."""
    rates = [one.rate for one in slices]
    low, high = spread(rates)
    latencies = [seconds for one in slices for seconds in one.latencies]
    return {
        "rate": round(median(rates), 1),
        "rate_low": round(low, 1),
        "rate_high": round(high, 1),
        "cpu_us": round(median(one.cpu_us for one in slices), 1),
        "busy": round(median(one.cpu / one.seconds for one in slices), 3),
        "servers_cpu_us": round(median(one.servers / one.orders for one in slices) * MICRO, 1),
        "outbox_lag_s": round(median(one.lag for one in slices), 3),
        "outbox_lag_max_s": round(max(one.lag for one in slices), 3),
        "latency_p50_ms": round(percentile(latencies, 50) * 1000, 2),
        "latency_p99_ms": round(percentile(latencies, 99) * 1000, 2),
        "telemetry_bytes": round(median(one.telemetry / one.orders for one in slices)),
        "spans_per_order": round(median(one.spans / one.orders for one in slices), 2),
        "orders": sum(one.orders for one in slices),
        "unseen": sum(one.unseen for one in slices),
    }


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float | None:
    """Return the median of the rounds' ratios: slices of one round ran within seconds of each other."""
    pairs = list(zip(numerators, denominators, strict=False))
    return round(median(a / b for a, b in pairs), 3) if pairs else None


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third quartile; of fewer than four values, the least and the greatest."""
    if len(values) < 2 * FEW:
        return min(values), max(values)
    first, _, third = quantiles(values, n=4, method="inclusive")
    return first, third


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile; 0 of nothing."""
    if len(values) < FEW:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]
