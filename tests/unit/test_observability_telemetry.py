"""The handle that services wrap their parts with: telemetry on and off, and what the environment says."""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs

from observability import Telemetry, TelemetrySettings, note_wait, setup
from observability.propagation import context_headers, correlation_id, record_failure
from observability.setup import resource
from services.common.messaging.messages import Delivery, Outgoing, Settlement
from services.common.redis.client import redis_command
from tests.unit.asgi import call, http_scope
from tests.unit.fakes import TRACE_ID, TRACEPARENT, Scripts, delivery
from tests.unit.logged import logging_restored
from tests.unit.recorder import Recorder, parent_id, span_id, trace_id
from tests.unit.test_observability_publishing import message

pytestmark = pytest.mark.usefixtures("provider")

URL = "redis://shop:secret@redis.internal/0"
EVALSHA = redis_command("EVALSHA", URL)
REDIS = {"db.system.name": "redis", "server.address": "redis.internal", "server.port": 6379}
SERIES = {
    "http_server_request_duration_seconds_count",
    "messaging_process_duration_seconds_count",
    "messaging_time_in_queue_seconds_count",
    "messaging_client_operation_duration_seconds_count",
}
SPANS = ["work", "GET", "process worker.order-created", "publish orders:order.created.v1"]


async def everything(handle: Telemetry) -> list[str | None]:
    """Use all that the handle wraps, once; return the correlation ids that were current meanwhile."""
    seen: list[str | None] = []

    async def work() -> None:
        seen.append(correlation_id())

    async def process(_: Delivery) -> Settlement:
        seen.append(context_headers()["correlation_id"])
        return Settlement("ack", "done")

    async def publish(messages: Sequence[Outgoing]) -> Sequence[None]:
        return [None for _ in messages]

    await handle.traced("work")(work)()
    app = handle.http(PlainTextResponse("hello"))
    answer = await call(app, http_scope("GET", "/", [("x-correlation-id", "checkout-42")]))
    seen.append(answer.header("x-correlation-id"))
    await handle.consumer(process, "worker.order-created")(delivery(traceparent=TRACEPARENT))
    await handle.publisher()(publish)([message()])
    handle.instruments().counter("works", "Works.", "kind", ("hard",))("hard")
    return seen


@pytest.mark.parametrize("error", [ValueError("ada@example.com " * 99), asyncio.CancelledError()])
async def test_an_error_marks_the_span_and_passes(error: BaseException) -> None:
    """Once: one exception event, its type as an attribute, a short message, nothing personal."""
    recorder = Recorder()

    @Telemetry(recorder.tracer, recorder.registry, "host-1").traced("read order")
    async def read() -> None:
        raise error

    with pytest.raises(type(error)):
        await read()
    span = recorder.span()
    assert span.status.status_code is StatusCode.ERROR
    assert len(span.status.description or "") <= 200
    assert [event.name for event in span.events] == ["exception"]
    assert "ada@" not in str(span.events[0].attributes)
    assert recorder.attributes() == {"error.type": type(error).__qualname__}


def test_an_error_costs_nothing_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that was not sampled formats no stack."""
    monkeypatch.setattr(traceback, "format_exception", None)
    record_failure(trace.INVALID_SPAN, ValueError("dry"))


def test_a_redis_span_says_how_long_its_call_waited() -> None:
    """A span of something larger does not: the call is only a part of it."""
    recorder = Recorder()
    for known in (redis_command("EVALSHA", URL), {}):
        with trace.use_span(recorder.tracer.start_span("s", attributes=known), end_on_exit=True):
            note_wait(0.0123456)
    tcp, larger = [dict(span.attributes or {}) for span in recorder.spans]
    assert (tcp["orderscope.queued_ms"], larger) == (12.346, {})


def test_work_that_began_elsewhere_goes_on_in_its_trace() -> None:
    """Under its correlation id, and linked to whoever asks for it now."""
    recorder, headers = Recorder(), {"traceparent": TRACEPARENT, "correlation_id": "checkout-42"}
    handle = Telemetry(recorder.tracer, recorder.registry, "host-1")
    with recorder.within("operator"), handle.continued("sweep order", headers):
        assert correlation_id() == "checkout-42"
    continued, operator = recorder.spans
    assert trace_id(continued) == TRACE_ID
    assert [(link.context, link.attributes or {}) for link in continued.links] == [(operator.context, {})]
    assert dict(continued.attributes or {}) == {"correlation_id": "checkout-42"}


@pytest.fixture(name="restored")
def restored_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what `setup` does to the process."""
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    with logging_restored():
        yield


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("settings", "span", "level"),
    [
        ({}, "LeanSpan", "INFO"),
        ({"telemetry": "on"}, "LeanSpan", "INFO"),
        ({"telemetry": "stock"}, "_Span", "INFO"),
        ({"otel_sdk_disabled": True}, "NonRecordingSpan", "INFO"),
        ({"telemetry": "stock", "otel_sdk_disabled": True}, "NonRecordingSpan", "INFO"),
        ({"telemetry": "off"}, "NonRecordingSpan", "WARNING"),
    ],
)
@pytest.mark.parametrize("exporter", ["otlp", "none"])
def test_a_setting_chooses_the_mode(
    capsysbinary: pytest.CaptureFixture[bytes], settings: dict[str, Any], span: str, level: str, exporter: str
) -> None:
    """`lean`, `stock` or `off`; `on` is an old name, and a warning says so."""
    handle = setup("api", TelemetrySettings(otel_traces_exporter=exporter, **settings), "1.2.3", "test")
    made = handle.tracer.start_span("s")
    handle.shutdown()
    assert type(made).__name__ == span
    assert handle.enabled is (settings.get("telemetry") != "off")
    assert handle.stock is (span == "_Span")
    assert logging.getLevelName(logging.root.level) == level
    warned = [json.loads(line)["event"] for line in capsysbinary.readouterr().out.splitlines()]
    assert warned == (["TELEMETRY=on is an old name"] if settings.get("telemetry") == "on" else [])


def test_a_resource_says_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the standard's variables take precedence, `OTEL_SERVICE_NAME` before all."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=no,service.version=2,team=shop")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "api-canary")
    assert resource("api", version="1.2.3", environment="test", instance="host-1").attributes == {
        "service.namespace": "orderscope",
        "service.name": "api-canary",
        "service.version": "2",
        "service.instance.id": "host-1",
        "deployment.environment.name": "test",
        "team": "shop",
    }


@pytest.mark.parametrize("enabled", [True, False])
async def test_everything_is_seen_unless_telemetry_is_off(*, enabled: bool) -> None:
    """A span, a series and a line for each, or none; the correlation id is there in any case."""
    recorder = Recorder()
    with capture_logs() as logs:
        seen = await everything(Telemetry(recorder.tracer, recorder.registry, "host-1", enabled=enabled))
    assert seen == [None, "checkout-42", "checkout-42"]
    assert [span.name for span in recorder.spans] == (SPANS if enabled else [])
    assert {name for name, _ in recorder.series() if name.endswith("_count")} == (
        SERIES if enabled else set()
    )
    assert [line["event"] for line in logs] == (["request", "message processed"] if enabled else [])


async def test_functions_and_named_scripts_run_inside_their_spans() -> None:
    """Children of what called them, with name, kind, attributes and error; other scripts have none."""
    recorder, scripts = Recorder(), Scripts({"accept": "accepted", "limit": "allowed"})
    handle = Telemetry(recorder.tracer, recorder.registry, "host-1")
    run = handle.traced_scripts(scripts, {"accept": "redis: accept", "gone": "redis: gone"}, EVALSHA)

    @handle.traced("read order", SpanKind.CLIENT, redis_command("GET", URL))
    async def read(key: str, *, default: int) -> str:
        """Read."""
        return f"{key} {default} {await run('accept', [], [])} {await run('limit', [], [])}"

    with recorder.within():
        assert await read("a", default=7) == "a 7 accepted allowed"
    with pytest.raises(KeyError):
        await run("gone", [], [])
    script, inner, outer, gone = recorder.spans
    assert (inner.name, inner.kind, parent_id(inner)) == ("read order", SpanKind.CLIENT, span_id(outer))
    assert dict(inner.attributes or {}) == {"db.operation.name": "GET", **REDIS}
    assert (script.name, script.kind, parent_id(script)) == ("redis: accept", SpanKind.CLIENT, span_id(inner))
    of_script = {"db.operation.name": "EVALSHA", "db.stored_procedure.name": "accept"}
    assert dict(script.attributes or {}) == {**REDIS, **of_script}
    assert gone.status.status_code is StatusCode.ERROR
    assert (read.__name__, read.__doc__) == ("read", "Read.")


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("sampler", "least", "most"), [("always_off", 0, 0), ("traceidratio", 40, 200)])
@pytest.mark.parametrize("mode", ["lean", "stock"])
def test_both_modes_sample_as_the_standard_says(
    monkeypatch: pytest.MonkeyPatch, mode: Literal["lean", "stock"], sampler: str, least: int, most: int
) -> None:
    """`OTEL_TRACES_SAMPLER` and its argument: of 400 traces none, or about a quarter."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    handle = setup("api", TelemetrySettings(telemetry=mode, otel_traces_exporter="none"), "1", "test")
    kept = [handle.tracer.start_span("s").get_span_context().trace_flags.sampled for _ in range(400)]
    assert least <= sum(kept) <= most
