"""Metrics as Prometheus gets them, and the instruments that services make them with."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text
from starlette.applications import Starlette

from observability.metrics import Instruments, exemplar, export_metrics, metrics_route, new_registry
from services.common import periodic
from services.common.instruments import dependency_gauge, event_loop_lag, outbox_gauges
from services.common.lifecycle import Lifetime
from tests.unit.asgi import Answer, call, http_scope
from tests.unit.recorder import Recorder, span_id, trace_id

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


async def scraped(registry: CollectorRegistry, accept: str) -> Answer:
    """Return what a scraper gets that accepts a format."""
    app = Starlette(routes=[metrics_route(registry)])
    return await call(app, http_scope("GET", "/metrics", [("accept", accept)]))


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
    assert exemplar() is None  # outside of a span
    answer = await scraped(registry, f"{OPEN_METRICS},text/plain;q=0.5")
    assert str(answer.header("content-type")).startswith("application/openmetrics-text")
    span = recorder.span()
    found = {
        sample.name: sample.exemplar.labels
        for family in open_metrics(answer.body.decode())  # type: ignore[no-untyped-call]  # it has none
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
    names = {family.name for family in plain_text(answer.body.decode())}
    assert names >= {"work_seconds", "works", "process_cpu_seconds", "python_gc_collections", "build_info"}
    assert not {name for name in names if name.endswith("_created")}


async def test_the_event_loops_lag_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that blocks the loop is seen as the lateness of everything else."""
    monkeypatch.setattr(periodic, "LAG_INTERVAL_SECONDS", 0.001)
    recorder = Recorder()
    lag = event_loop_lag(Instruments(recorder.registry, enabled=True))
    async with Lifetime().background(periodic.watch_event_loop(lag), "event loop watch"):
        await asyncio.sleep(0.01)
        time.sleep(0.05)  # noqa: ASYNC251 - what is measured
        await asyncio.sleep(0.01)
    assert (recorder.value("event_loop_lag_seconds_sum") or 0) >= 0.04


async def test_the_watcher_of_the_event_loop_is_supervised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like every other background task: when it breaks, the service ends and says why."""
    monkeypatch.setattr(periodic, "LAG_INTERVAL_SECONDS", 0.001)

    def report(_: float) -> None:
        raise ZeroDivisionError

    lifetime = Lifetime()
    async with asyncio.timeout(5), lifetime.background(periodic.watch_event_loop(report), "event loop watch"):
        with pytest.raises(ZeroDivisionError):
            await lifetime.wait()


def test_exports_dependencies_and_the_outbox_are_shown() -> None:
    """What became of spans, by result; what cannot be reached; what waits, and how long already."""
    recorder = Recorder()
    spans, _ = export_metrics(recorder.registry)
    spans.items("exported").inc(5)
    instruments = Instruments(recorder.registry, enabled=True)
    instruments.seconds("work_seconds", "Work.", "kind", ("hard",), long=True)
    assert recorder.value("work_seconds_bucket", kind="hard", le="300.0") == 0
    outbox_gauges(instruments)(7, 1.5)
    report = dependency_gauge(instruments)
    report("redis", True)  # noqa: FBT003 - what is said about it
    report("rabbitmq", False)  # noqa: FBT003 - what is said about it
    for result, number in (("exported", 5), ("queue_full", 0), ("http_404", None)):
        assert recorder.value("telemetry_spans_total", result=result) == number
    for dependency, up in (("redis", 1), ("rabbitmq", 0)):
        assert recorder.value("dependency_up", dependency=dependency) == up
    outbox = [recorder.value(f"outbox_{name}") for name in ("entries", "oldest_age_seconds")]
    assert outbox == [7, 1.5]
