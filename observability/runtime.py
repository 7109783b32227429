"""What the process itself shows: its event loop's lag, its outbox, and what became of its telemetry."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics import seconds

INTERVAL_SECONDS = 0.25
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
PREDECLARED_RESULTS = ("exported", "queue_full", "timeout", "connection_error", "http_503")


class ExportMetrics(NamedTuple):
    """A signal's items by what became of them (`result`), and how many seconds an export takes."""

    items: Counter
    seconds: Histogram


def export_metrics(registry: CollectorRegistry) -> tuple[ExportMetrics, ExportMetrics]:
    """Register the metrics of exporting, and return those of spans and those of log lines."""
    took = seconds(
        "otel_sdk_exporter_operation_duration_seconds",
        "Duration of exporting a batch of spans or log lines, retries included.",
        ["otel_component_type"],
        registry=registry,
    )
    spans = Counter(
        "telemetry_spans", "Spans that were exported, or lost and why.", ["result"], registry=registry
    )
    lines = Counter(
        "telemetry_log_records",
        "Log lines that were exported, or lost and why.",
        ["result"],
        registry=registry,
    )
    for result in PREDECLARED_RESULTS:
        spans.labels(result)
        lines.labels(result)
    of_spans, of_lines = (took.labels(f"otlp_http_{signal}_exporter") for signal in ("span", "log"))
    return ExportMetrics(spans, of_spans), ExportMetrics(lines, of_lines)


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
    return lambda dependency, up: gauge.labels(dependency).set(up)


async def watch_event_loop(registry: CollectorRegistry) -> None:
    """Measure four times a second how late the event loop runs what is due; until cancelled."""
    lag = seconds(
        "event_loop_lag_seconds",
        "How late the event loop ran a timer: what blocking work costs everyone else.",
        registry=registry,
        buckets=LAG_BUCKETS,
    )
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL_SECONDS
        await asyncio.sleep(INTERVAL_SECONDS)
        lag.observe(max(0.0, loop.time() - due))
