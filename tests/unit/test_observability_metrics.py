"""Metrics as Prometheus gets them, and the instruments that services make them with."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text
from starlette.applications import Starlette

from observability import metrics
from observability.metrics import (
    Instruments,
    exemplar,
    export_metrics,
    metrics_route,
    new_registry,
    seconds,
    watch_event_loop,
)
from tests.unit.asgi import Answer, call, http_scope
from tests.unit.recorder import Recorder, span_id, trace_id

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


async def scraped(registry: CollectorRegistry, accept: str) -> Answer:
    """Return what a scraper gets that accepts a format."""
    app = Starlette(routes=[metrics_route(registry)])
    return await call(app, http_scope("GET", "/metrics", [("accept", accept)]))


def families(answer: Answer, parse: Callable[[str], Iterable[Metric]]) -> list[Metric]:
    """Return the metrics of an exposition."""
    return list(parse(answer.body.decode()))


def observed() -> tuple[CollectorRegistry, Recorder]:
    """Return a registry with a duration and a count that were recorded inside a span."""
    registry, recorder = new_registry(service="api", version="1.2.3", environment="test"), Recorder()
    instruments = Instruments(registry, enabled=True)
    took = instruments.seconds("work_seconds", "Work.", "kind", ("hard",))
    count = instruments.counter("works", "Works.", "kind", ("hard",))
    with recorder.within():
        took(0.03, "hard")
        count("hard")
    return registry, recorder


async def test_open_metrics_carries_exemplars() -> None:
    """From a histogram's bucket, and from a counter, to the trace and the span that filled it."""
    registry, recorder = observed()
    answer = await scraped(registry, f"{OPEN_METRICS},text/plain;q=0.5")
    assert str(answer.header("content-type")).startswith("application/openmetrics-text")
    span = recorder.span()
    found = {
        sample.name: sample.exemplar.labels
        for family in families(answer, open_metrics)
        for sample in family.samples
        if sample.exemplar
    }
    ids = {"trace_id": trace_id(span), "span_id": span_id(span)}
    assert found == {"work_seconds_bucket": ids, "works_total": ids}


@pytest.mark.parametrize(
    "accept",
    ["text/plain", "*/*", "", "text/plain;version=abc", "application/openmetrics-text;version=1.x.0"],
)
async def test_the_text_format_comes_without_exemplars(accept: str) -> None:
    """It has no place for them; the series are the same."""
    registry, _ = observed()
    answer = await scraped(registry, accept)
    assert str(answer.header("content-type")).startswith("text/plain")
    assert b"trace_id" not in answer.body
    names = {family.name for family in families(answer, plain_text)}
    assert names >= {"work_seconds", "works", "process_cpu_seconds", "python_gc_collections", "build_info"}
    assert not {name for name in names if name.endswith("_created")}


async def test_every_metric_explains_itself() -> None:
    """Help, a type, and a unit in the name where there is one."""
    registry, _ = observed()
    seconds("more_seconds", "More.", registry=registry)
    for family in families(await scraped(registry, OPEN_METRICS), open_metrics):
        assert family.documentation
        assert family.type != "unknown"
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)


def test_the_build_is_told() -> None:
    """One series, always 1, with what runs here."""
    registry = new_registry(service="api", version="1.2.3", environment="test")
    [build] = [family for family in registry.collect() if family.name == "build_info"]
    [sample] = build.samples
    assert sample.value == 1
    assert (
        sample.labels.items()
        >= {
            "service_name": "api",
            "service_version": "1.2.3",
            "deployment_environment_name": "test",
        }.items()
    )


def test_only_sampled_spans_are_exemplars() -> None:
    """An exemplar that leads to no trace is worse than none."""
    assert exemplar() is None
    recorder = Recorder()
    with recorder.within():
        assert exemplar() is not None


def test_series_exist_from_the_start() -> None:
    """A counter that appears with its first error has no rate at that moment."""
    recorder = Recorder()
    instruments = Instruments(recorder.registry, enabled=True)
    instruments.counter("works", "Works.", "kind", ("hard", "easy"))
    instruments.seconds("work_seconds", "Work.", "kind", ("hard",), long=True)
    assert recorder.value("works_total", kind="easy") == 0
    assert recorder.value("work_seconds_bucket", kind="hard", le="300.0") == 0


def test_disabled_instruments_make_nothing() -> None:
    """With telemetry off there is not even the series."""
    recorder = Recorder()
    instruments = Instruments(recorder.registry, enabled=False)
    instruments.counter("works", "Works.", "kind", ("hard",))("hard")
    instruments.seconds("work_seconds", "Work.", "kind", ("hard",))(1.0, "hard")
    assert recorder.series() == set()


def test_exports_and_outbox_are_shown() -> None:
    """What became of spans and log lines, by result; what waits for the broker, and how long already."""
    recorder = Recorder()
    spans, lines = export_metrics(recorder.registry)
    spans.items("exported").inc(5)
    lines.items("http_404").inc(2)
    spans.seconds.observe(0.2)
    Instruments(recorder.registry, enabled=True).outbox_gauges()(7, 1.5)
    for result, number in (("exported", 5), ("queue_full", 0), ("http_404", None)):
        assert recorder.value("telemetry_spans_total", result=result) == number
    assert recorder.value("telemetry_log_records_total", result="http_404") == 2
    took = "otel_sdk_exporter_operation_duration_seconds_sum"
    assert recorder.value(took, otel_component_type="otlp_http_span_exporter") == 0.2
    assert recorder.value("outbox_entries") == 7
    assert recorder.value("outbox_oldest_age_seconds") == 1.5


def test_dependencies_are_shown() -> None:
    """By name, 1 or 0: an alert can tell which one cannot be reached."""
    recorder = Recorder()
    report = Instruments(recorder.registry, enabled=True).dependency_gauge()
    report("redis", True)  # noqa: FBT003 - what is said about it
    report("rabbitmq", False)  # noqa: FBT003 - what is said about it
    assert recorder.value("dependency_up", dependency="redis") == 1
    assert recorder.value("dependency_up", dependency="rabbitmq") == 0


async def test_the_event_loops_lag_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that blocks the loop is seen as the lateness of everything else."""
    monkeypatch.setattr(metrics, "LAG_INTERVAL_SECONDS", 0.001)
    recorder = Recorder()
    watch = asyncio.create_task(watch_event_loop(recorder.registry))
    before = await lag_of_at_least(0.0, recorder)
    blocked = time.monotonic() + 0.05
    while time.monotonic() < blocked:
        pass
    await lag_of_at_least(before + 0.03, recorder)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def lag_of_at_least(lag: float, recorder: Recorder) -> float:
    """Wait, for at most 5 s, until so much lag was seen, in seconds; return how much it is."""
    for _ in range(5_000):
        if recorder.value("event_loop_lag_seconds_count"):
            seen = recorder.value("event_loop_lag_seconds_sum") or 0.0
            if seen >= lag:
                return seen
        await asyncio.sleep(0.001)
    raise TimeoutError("the event loop's lag was not seen")
