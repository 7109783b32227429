"""What the process itself shows: the event loop's lag, its outbox, and what became of its telemetry."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics import seconds

INTERVAL_SECONDS = 0.25
EXPECTED_RESULTS = ("exported", "queue_full", "timeout", "connection_error", "http_503")
"""What mostly becomes of telemetry."""
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def span_counter(registry: CollectorRegistry) -> Callable[[int, str], None]:
    """Register the counter of spans that left or were lost and return the function that counts them.

    `result` is `exported`, `queue_full`, or why an export failed.
    """
    return _counter(registry, "telemetry_spans", "Spans that were exported, or lost and why.")


def log_record_counter(registry: CollectorRegistry) -> Callable[[int, str], None]:
    """Register the counter of log lines that left or were lost, as `span_counter` does that of spans."""
    return _counter(registry, "telemetry_log_records", "Log lines that were exported, or lost and why.")


def _counter(registry: CollectorRegistry, name: str, documentation: str) -> Callable[[int, str], None]:
    counter = Counter(name, documentation, ["result"], registry=registry)
    for result in EXPECTED_RESULTS:  # one that appears with what it counts shows no rate
        counter.labels(result)

    def count(items: int, result: str) -> None:
        counter.labels(result).inc(items)

    return count


def export_timers(registry: CollectorRegistry) -> Callable[[str], Callable[[float], None]]:
    """Register the histogram of exports' durations.

    Returns what makes, for a signal, `span` or `log`, the function that records one, in seconds.
    Names: https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/.
    """
    durations = seconds(
        registry,
        "otel_sdk_exporter_operation_duration_seconds",
        "Duration of exporting a batch of spans or log lines, retries included.",
        ["otel_component_type"],
    )

    def timer(signal: str) -> Callable[[float], None]:
        return durations.at(f"otlp_http_{signal}_exporter").observe

    return timer


def outbox_gauges(registry: CollectorRegistry) -> Callable[[int, float], None]:
    """Register the outbox's gauges and return the function that sets them."""
    entries = Gauge("outbox_entries", "Events that wait to be published.", registry=registry)
    age = Gauge("outbox_oldest_age_seconds", "How long the oldest of them has waited.", registry=registry)

    def report(count: int, oldest_age: float) -> None:
        entries.set(count)
        age.set(oldest_age)

    return report


def dependency_gauge(registry: CollectorRegistry) -> Callable[[str, bool], None]:
    """Register the gauge of what this process can reach and return the function that sets it, by name."""
    gauge = Gauge(
        "dependency_up",
        "Whether this process reaches what it depends on: 1 or 0.",
        ["dependency"],
        registry=registry,
    )

    def report(dependency: str, up: bool) -> None:  # noqa: FBT001 - what is said about it
        gauge.labels(dependency).set(up)

    return report


async def watch_event_loop(registry: CollectorRegistry) -> None:
    """Measure four times a second how late the event loop runs what is due; until cancelled."""
    lag = Histogram(
        "event_loop_lag_seconds",
        "How late the event loop ran a timer: what blocking work costs everyone else.",
        buckets=LAG_BUCKETS,
        registry=registry,
        unit="seconds",
    )
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL_SECONDS
        await asyncio.sleep(INTERVAL_SECONDS)
        lag.observe(max(0.0, loop.time() - due))
