"""`TELEMETRY=stock`: the SDK's provider and exporter, and FastAPI's stock server spans beside ours."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import format_trace_id
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from observability import TelemetrySettings, stock
from observability.http import HttpMiddleware
from observability.metrics import export_metrics
from tests.unit import recorder as recording
from tests.unit.asgi import call, http_scope
from tests.unit.fakes import TRACE_ID, TRACEPARENT
from tests.unit.otlp_collector import Answer, Collector
from tests.unit.recorder import Recorder, span_id, trace_id
from tests.unit.served import DURATION

PATHS = ["/items/1", "/items/404", "/items/503", "/items/0", "/no/such/path"]
REQUESTS = [
    *[("GET", path) for path in PATHS],
    *[(method, PATHS[0]) for method in ("POST", "DELETE", "BREW")],
]
HEADERS = [("host", "shop.example"), ("user-agent", "curl/8 of ada@example.com")]
MORE: Mapping[str, object] = {"url.query": "", "client.port": 40_000}
"""What stock spans have besides, as `contracts/telemetry.yaml` declares it."""


@pytest.fixture(autouse=True)
def stock_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what instrumenting does to the process."""
    monkeypatch.setenv(stock.OPT_IN, "")


def application() -> FastAPI:
    """Return an app that answers with the status that the path asks for."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.get("/items/{item}")
    @app.post("/items/{item}")
    async def item(item: int) -> int:
        if item == 0:
            raise ZeroDivisionError
        if item >= 400:
            raise HTTPException(item)
        return item

    @app.get("/health")
    async def health() -> None:
        """Be well."""

    return app


async def served(
    name: str,
    method: str,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    *sent: tuple[str, str],
    trusted: bool = True,
) -> tuple[Recorder, list[object]]:
    """Serve a request behind our middleware, `lean` or `stock`, and return what was recorded."""
    monkeypatch.setattr(recording, "PROVIDER", "sdk" if name == "stock" else "lean")
    recorder, app = Recorder(), application()
    if name == "stock":
        assert isinstance(recorder.provider, TracerProvider)
        stock.instrument(app, recorder.provider)
    options: Any = {"stock": name == "stock", "trusted": lambda _: trusted}
    middleware = HttpMiddleware(app, recorder.tracer, recorder.registry, **options)
    with capture_logs() as logs, suppress(ZeroDivisionError):
        await call(middleware, http_scope(method, path, [*HEADERS, *sent], query=b"token=secret"))
    return recorder, [line["event"] for line in logs]


def described(span: ReadableSpan) -> dict[str, object]:
    """Return what both say of a request, but for what is drawn by chance."""
    attributes = {**(span.attributes or {})}
    assert attributes.pop("correlation_id")
    events = [(event.name, (event.attributes or {})["exception.type"]) for event in span.events]
    status = span.status.status_code
    return {"name": span.name, "kind": span.kind, "status": status, "events": events, **attributes}


@pytest.mark.parametrize(("method", "path"), REQUESTS)
async def test_a_stock_span_says_what_ours_says(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """One span a request in both modes, alike but for what is declared; no query, no personal data."""
    ours, lines = await served("lean", method, path, monkeypatch)
    theirs, same = await served("stock", method, path, monkeypatch)
    assert described(theirs.span()) == {**described(ours.span()), **MORE}
    assert lines == same
    assert "secret" not in str(theirs.attributes())
    assert "ada@" not in str(theirs.attributes())


async def test_metrics_lead_to_the_stock_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exemplar is the request's span, though that has ended by then."""
    recorder, _ = await served("stock", "GET", "/items/1", monkeypatch)
    samples = [sample for metric in recorder.registry.collect() for sample in metric.samples]
    [exemplar] = [s.exemplar for s in samples if s.name == f"{DURATION}_bucket" and s.exemplar]
    span = recorder.span()
    assert exemplar.labels == {"trace_id": trace_id(span), "span_id": span_id(span)}


@pytest.mark.parametrize(("trusted", "states"), [(True, 1), (True, 2), (False, 1)])
async def test_stock_spans_keep_the_rule_of_the_public_edge(
    monkeypatch: pytest.MonkeyPatch, states: int, *, trusted: bool
) -> None:
    """A stranger's trace is linked to; repeated fields that are lists are joined, two `traceparent` none."""
    sent = [*[("traceparent", TRACEPARENT)] * states, ("tracestate", "a=1"), ("tracestate", "b=2")]
    recorder, _ = await served("stock", "GET", "/items/1", monkeypatch, *sent, trusted=trusted)
    span, context = recorder.span(), recorder.span().get_span_context()
    assert context is not None
    continued = trusted and states == 1
    assert (trace_id(span) == TRACE_ID) is continued
    assert context.trace_state.to_header() == ("a=1,b=2" if continued else "")
    assert [format_trace_id(link.context.trace_id) for link in span.links] == ([] if trusted else [TRACE_ID])


async def test_probes_have_no_stock_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a line."""
    recorder, lines = await served("stock", "GET", "/health", monkeypatch)
    assert (recorder.spans, lines) == ((), [])


@pytest.mark.parametrize(("opted", "then"), [("", "http"), ("database", "database,http"), ("http", "http")])
def test_todays_names_are_opted_into(monkeypatch: pytest.MonkeyPatch, opted: str, then: str) -> None:
    """Beside what else was opted into."""
    monkeypatch.setenv(stock.OPT_IN, opted)
    stock.instrument(application(), TracerProvider(shutdown_on_exit=False))
    assert os.environ[stock.OPT_IN] == then


def test_the_stock_exporter_is_counted(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    """In protobuf, to the endpoint of the standard; a batch that was refused is `failed`."""
    registry = CollectorRegistry()
    spans, _ = export_metrics(registry)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.url)
    provider = stock.stock_provider(TelemetrySettings(), Resource({"service.name": "api"}), spans)
    collector.answers += [Answer(400), Answer(body=b"")]
    for name in ("lost", "kept"):
        provider.get_tracer("t").start_span(name).end()
        provider.force_flush()
    provider.shutdown()
    names = [r.traces.resource_spans[0].scope_spans[0].spans[0].name for r in collector.received]
    assert names == ["lost", "kept"]
    for result in ("failed", "exported"):
        assert registry.get_sample_value("telemetry_spans_total", {"result": result}) == 1
