"""Metrics: a registry a process, exemplars, what services and the process show, and `GET /metrics`."""

import asyncio
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, TypeVar

import prometheus_client as prometheus
from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

# What the semantic conventions advise for requests; long ones, for what waits in queues and for retries.
SECONDS_BUCKETS: Sequence[float] = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
LONG_SECONDS_BUCKETS: Sequence[float] = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
LAG_INTERVAL_SECONDS = 0.25
EXPORT_RESULTS = ("exported", "queue_full", "timeout", "connection_error", "http_503")


def new_registry(*, service: str, version: str, environment: str) -> CollectorRegistry:
    """Return a registry with what every process shows: itself, its garbage collector, its build."""
    prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no type
    registry = CollectorRegistry()
    for collector in (prometheus.ProcessCollector, prometheus.GCCollector, prometheus.PlatformCollector):
        collector(registry=registry)
    labels = ["service_name", "service_version", "deployment_environment_name", "python_version"]
    build = Gauge("build_info", "What runs here; always 1.", labels, registry=registry)
    build.labels(service, version, environment, platform.python_version()).set(1)
    return registry


def exemplar(span: trace.Span | None = None) -> dict[str, str] | None:
    """Return what leads from a bucket to a span, by default the current one; None if it is not sampled."""
    context = (span or trace.get_current_span()).get_span_context()
    if not context.trace_flags.sampled:
        return None
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def series(metric: Metric, predeclared: Iterable[str] = ()) -> Callable[..., Metric]:
    """Return what gives a metric's series by the values of its labels, and keeps each.

    Predeclared ones, of one label, exist from the start: a series that begins with an increase shows no rate.
    """
    found = lru_cache(maxsize=4096)(metric.labels)
    for value in predeclared:
        found(value)
    return found


seconds = partial(Histogram, unit="seconds", buckets=SECONDS_BUCKETS)
"""Registers a histogram of durations."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """Makes a service's own metrics as plain functions; disabled, those of its work do nothing."""

    registry: CollectorRegistry
    enabled: bool

    def counter(self, name: str, about: str, label: str, values: tuple[str, ...]) -> Callable[[str], None]:
        """Return what adds one to the series of a label's value, of which these are predeclared."""
        if not self.enabled:
            return lambda _: None
        labelled = series(Counter(name, about, [label], registry=self.registry), values)
        return lambda value: labelled(value).inc(1, exemplar())

    def seconds(
        self, name: str, about: str, label: str, values: tuple[str, ...], *, long: bool = False
    ) -> Callable[[float, str], None]:
        """Return what records durations; `long` for those that include waiting in queues and retries."""
        if not self.enabled:
            return lambda _, __: None
        buckets = LONG_SECONDS_BUCKETS if long else SECONDS_BUCKETS
        labelled = series(seconds(name, about, [label], registry=self.registry, buckets=buckets), values)
        return lambda duration, value: labelled(value).observe(duration, exemplar())

    def outbox_gauges(self) -> Callable[[int, float], None]:
        """Return what shows an outbox's entries and the age of the oldest."""
        gauge = partial(Gauge, registry=self.registry)
        entries = gauge("outbox_entries", "Events that wait to be published.")
        age = gauge("outbox_oldest_age_seconds", "How long the oldest of them has waited.")

        def report(count: int, oldest_age: float) -> None:
            entries.set(count)
            age.set(oldest_age)

        return report

    def dependency_gauge(self) -> Callable[[str, bool], None]:
        """Return what shows whether a dependency, by its name, can be reached."""
        gauge = partial(Gauge, labelnames=["dependency"], registry=self.registry)
        up = gauge("dependency_up", "Whether this process reaches what it depends on: 1 or 0.")
        return lambda dependency, reached: up.labels(dependency).set(reached)

    def gauge(self, name: str, about: str, *labels: str) -> Callable[..., None]:
        """Return what sets the value of the labels' values; it is there without telemetry, too."""
        metric = Gauge(name, about, labels, registry=self.registry)
        return lambda value, *names: (metric.labels(*names) if names else metric).set(value)


class ExportMetrics(NamedTuple):
    """A signal's items by what became of them (`result`), and how many seconds an export takes."""

    items: Callable[..., Counter]
    seconds: Histogram


def export_metrics(registry: CollectorRegistry) -> tuple[ExportMetrics, ExportMetrics]:
    """Register the metrics of exporting, and return those of spans and those of log lines."""
    took = seconds(
        "otel_sdk_exporter_operation_duration_seconds",
        "Duration of exporting a batch of spans or log lines, retries included.",
        ["otel_component_type"],
        registry=registry,
    )
    results = partial(Counter, labelnames=["result"], registry=registry)
    spans = results("telemetry_spans", "Spans that were exported, or lost and why.")
    lines = results("telemetry_log_records", "Log lines that were exported, or lost and why.")
    return (
        ExportMetrics(series(spans, EXPORT_RESULTS), took.labels("otlp_http_span_exporter")),
        ExportMetrics(series(lines, EXPORT_RESULTS), took.labels("otlp_http_log_exporter")),
    )


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
        due = loop.time() + LAG_INTERVAL_SECONDS
        await asyncio.sleep(LAG_INTERVAL_SECONDS)
        lag.observe(max(0.0, loop.time() - due))


def metrics_route(registry: CollectorRegistry) -> Route:
    """Return `GET /metrics`: OpenMetrics with exemplars for who accepts it, plain text otherwise."""

    async def metrics(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # it compares versions, and does not expect what is none
            encode, content_type = choose_encoder("")
        return Response(encode(registry), headers={"content-type": content_type})

    return Route("/metrics", metrics)
