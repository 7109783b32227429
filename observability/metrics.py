"""Metrics: a registry a process, exemplars, and the exposition that Prometheus asks for."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import prometheus_client as prometheus
from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

SECONDS_BUCKETS: Sequence[float] = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The boundaries that the semantic conventions advise for durations of requests."""
LONG_SECONDS_BUCKETS: Sequence[float] = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""For what includes waiting in queues and for retries."""
seconds = partial(Histogram, unit="seconds", buckets=SECONDS_BUCKETS)
"""Registers a histogram of durations."""


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


def series(metric: Metric, *predeclared: Sequence[str]) -> Callable[..., Metric]:
    """Return what gives a metric's series by the values of its labels, and keeps each.

    Predeclared ones exist from the start: one that appears with its first increase shows no rate then.
    """
    found = lru_cache(maxsize=4096)(metric.labels)
    for labels in predeclared:
        found(*labels)
    return found


@dataclass(frozen=True, slots=True)
class Instruments:
    """Makes a service's own metrics as plain functions, with one label each; disabled, they do nothing."""

    registry: CollectorRegistry
    enabled: bool

    def counter(self, name: str, about: str, label: str, values: tuple[str, ...]) -> Callable[[str], None]:
        """Return what adds one to the series of a label's value, of which these are predeclared."""
        if not self.enabled:
            return lambda _: None
        labelled = series(
            Counter(name, about, [label], registry=self.registry), *((value,) for value in values)
        )
        return lambda value: labelled(value).inc(1, exemplar())

    def seconds(
        self, name: str, about: str, label: str, values: tuple[str, ...], *, long: bool = False
    ) -> Callable[[float, str], None]:
        """Return what records durations; `long` for those that include waiting in queues and retries."""
        if not self.enabled:
            return lambda _, __: None
        buckets = LONG_SECONDS_BUCKETS if long else SECONDS_BUCKETS
        metric = seconds(name, about, [label], registry=self.registry, buckets=buckets)
        labelled = series(metric, *((value,) for value in values))
        return lambda duration, value: labelled(value).observe(duration, exemplar())


def metrics_route(registry: CollectorRegistry) -> Route:
    """Return `GET /metrics`: OpenMetrics with exemplars for who accepts it, plain text otherwise."""

    async def metrics(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # it compares versions, and does not expect what is none
            encode, content_type = choose_encoder("")
        return Response(encode(registry), headers={"content-type": content_type})

    return Route("/metrics", metrics)
