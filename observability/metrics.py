"""Metrics: a registry a process, exemplars, and the exposition that Prometheus asks for."""

import platform
from collections.abc import Sequence

from opentelemetry.trace import Span, SpanContext, TraceFlags
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    disable_created_metrics,
    gc_collector,
    platform_collector,
    process_collector,
)
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from observability.at_hand import span_context
from observability.series import Durations, Family, durations

SECONDS_BUCKETS: Sequence[float] = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The boundaries that the semantic conventions advise for durations of requests."""
LONG_SECONDS_BUCKETS: Sequence[float] = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""For what includes waiting in queues and for retries."""


def new_registry(*, service: str, version: str, environment: str) -> CollectorRegistry:
    """Return a registry with what every process shows: itself, its garbage collector, its build."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client has no type for it
    registry = CollectorRegistry()
    process_collector.ProcessCollector(registry=registry)
    gc_collector.GCCollector(registry=registry)
    platform_collector.PlatformCollector(registry=registry)
    build = Gauge(
        "build_info",
        "What runs here; always 1.",
        ["service_name", "service_version", "deployment_environment_name", "python_version"],
        registry=registry,
    )
    build.labels(service, version, environment, platform.python_version()).set(1)
    return registry


def exemplar(span: Span | None = None) -> SpanContext | None:
    """Return a span, by default the one at hand, as an exemplar, which leads from a bucket to a trace.

    One that is not sampled leads nowhere, and is none.
    """
    context = span_context() if span is None else span.get_span_context()
    return context if context.trace_flags & TraceFlags.SAMPLED else None


def seconds(
    registry: CollectorRegistry,
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    buckets: Sequence[float] = SECONDS_BUCKETS,
) -> Family[Durations]:
    """Register a histogram of durations in seconds."""
    return durations(registry, name, documentation, labels, buckets)


def metrics_route(registry: CollectorRegistry) -> Route:
    """Return `GET /metrics`: OpenMetrics with exemplars for who accepts it, plain text otherwise."""

    async def metrics(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # it compares versions, and does not expect what is none
            encode, content_type = choose_encoder("")
        return Response(encode(registry), headers={"content-type": content_type})

    return Route("/metrics", metrics)
