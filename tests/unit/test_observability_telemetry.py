"""The handle that services wrap their parts with: telemetry on and off, and what the environment says."""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError
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
SPANS = ["redis: accept", "work", "GET", "process worker.order-created", "publish orders:order.created.v1"]


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

    await handle.traced_scripts(Scripts({"accept": 1}), {"accept": "redis: accept"}, EVALSHA)(
        "accept", [], []
    )
    await handle.traced("work")(work)()
    app = handle.http(PlainTextResponse("hello"))
    answer = await call(app, http_scope("GET", "/", [("x-correlation-id", "checkout-42")]))
    seen.append(answer.header("x-correlation-id"))
    await handle.consumer(process, "worker.order-created")(delivery(traceparent=TRACEPARENT))
    await handle.publisher()(publish)([message()])
    handle.instruments().counter("works", "Works.", "kind", ("hard",))("hard")
    return seen


async def test_with_telemetry_on_everything_is_seen() -> None:
    """A span, a series and a line for each."""
    recorder = Recorder()
    with capture_logs() as logs:
        seen = await everything(Telemetry(recorder.tracer, recorder.registry, "host-1"))
    assert seen == [None, "checkout-42", "checkout-42"]
    assert [span.name for span in recorder.spans] == SPANS
    assert {name for name, _ in recorder.series() if name.endswith("_count")} == {
        "http_server_request_duration_seconds_count",
        "messaging_process_duration_seconds_count",
        "messaging_time_in_queue_seconds_count",
        "messaging_client_operation_duration_seconds_count",
    }
    assert [line["event"] for line in logs] == ["request", "message processed"]


async def test_with_telemetry_off_only_the_correlation_id_is_left() -> None:
    """No span, no series, no line; the id still holds, comes back, and goes along with what is published."""
    recorder = Recorder()
    with capture_logs() as logs:
        seen = await everything(Telemetry(recorder.tracer, recorder.registry, "host-1", enabled=False))
    assert seen == [None, "checkout-42", "checkout-42"]
    assert (recorder.spans, recorder.series(), logs) == ((), set(), [])


async def test_what_is_left_is_exported_at_the_end() -> None:
    """Not before."""
    recorder, ended = Recorder(), list[str]()
    handle = Telemetry(
        recorder.tracer, recorder.registry, "host-1", shutdown=lambda: ended.append("shutdown")
    )
    async with handle.running():
        assert ended == []
    assert ended == ["shutdown"]


async def test_a_function_runs_inside_its_span() -> None:
    """A child of what called it, with its name, kind and attributes; the result passes through."""
    recorder = Recorder()
    handle = Telemetry(recorder.tracer, recorder.registry, "host-1")

    @handle.traced("read order", SpanKind.CLIENT, redis_command("GET", URL))
    async def read(key: str, *, default: int) -> str:
        """Read."""
        return f"{key} {default}"

    with recorder.within():
        assert await read("a", default=7) == "a 7"
    inner, outer = recorder.spans
    assert (inner.name, inner.kind, parent_id(inner)) == ("read order", SpanKind.CLIENT, span_id(outer))
    assert dict(inner.attributes or {}) == {"db.operation.name": "GET", **REDIS}
    assert (read.__name__, read.__doc__) == ("read", "Read.")


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

    def format_exception(_: BaseException) -> list[str]:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(traceback, "format_exception", format_exception)
    record_failure(trace.INVALID_SPAN, ValueError("dry"))


async def test_only_named_scripts_have_spans() -> None:
    """The name of the script tells them apart; the others run without; an error marks the span."""
    recorder, scripts = Recorder(), Scripts({"accept": "accepted", "limit": "allowed"})
    handle = Telemetry(recorder.tracer, recorder.registry, "host-1")
    run = handle.traced_scripts(scripts, {"accept": "redis: accept", "gone": "redis: gone"}, EVALSHA)
    assert [await run(name, ["key"], [1]) for name in ("accept", "limit")] == ["accepted", "allowed"]
    assert [name for name, _, _ in scripts.calls] == ["accept", "limit"]
    assert (recorder.span().name, recorder.span().kind) == ("redis: accept", SpanKind.CLIENT)
    assert recorder.attributes() == {
        **REDIS,
        "db.operation.name": "EVALSHA",
        "db.stored_procedure.name": "accept",
    }
    with pytest.raises(KeyError):
        await run("gone", [], [])
    assert recorder.spans[1].status.status_code is StatusCode.ERROR


def test_a_redis_span_says_how_long_its_call_waited() -> None:
    """A span of something larger does not: the call is only a part of it."""
    recorder = Recorder()
    for known in (redis_command("EVALSHA", URL), redis_command("GET", "unix:///run/redis.sock"), {}):
        with trace.use_span(recorder.tracer.start_span("s", attributes=known), end_on_exit=True):
            note_wait(0.0123456)
    tcp, socket, larger = [dict(span.attributes or {}) for span in recorder.spans]
    assert (tcp["orderscope.queued_ms"], larger) == (12.346, {})
    assert (socket["server.address"], "server.port" in socket) == ("/run/redis.sock", False)


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


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("name", "ratio"), [("always_off", None), ("traceidratio", 0.25), ("parentbased_traceidratio", 0.25)]
)
def test_both_modes_sample_as_the_standard_says(
    monkeypatch: pytest.MonkeyPatch, name: str, ratio: float | None
) -> None:
    """`OTEL_TRACES_SAMPLER` and its argument; the same traces are kept in both."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", str(ratio))
    expected = TracerProvider(shutdown_on_exit=False).sampler.get_description()
    for mode in ("lean", "stock"):
        handle = setup("api", TelemetrySettings(telemetry=mode, otel_traces_exporter="none"), "1", "test")
        kept = [handle.tracer.start_span("s").get_span_context().trace_flags.sampled for _ in range(400)]
        assert sum(kept) == 0 if ratio is None else 40 < sum(kept) < 200, (mode, expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEMETRY", "maybe"),
        ("TRACE_ASYNC", "sibling"),
        ("LOG_LEVEL", "LOUD"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_LOGS_EXPORTER", "console"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "none"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The error says which setting is wrong."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower().replace("_", ".")):
        TelemetrySettings()


def described(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Resource:
    """Return the resource in an environment."""
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return resource("api", version="1.2.3", environment="test", instance="host-1")


def test_a_resource_says_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Namespace, name, version, instance and environment."""
    assert described(monkeypatch).attributes == {
        "service.namespace": "orderscope",
        "service.name": "api",
        "service.version": "1.2.3",
        "service.instance.id": "host-1",
        "deployment.environment.name": "test",
    }


def test_the_standard_variables_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the specification has it, `OTEL_SERVICE_NAME` before all."""
    attributes = described(
        monkeypatch,
        OTEL_RESOURCE_ATTRIBUTES="service.name=no,service.version=2,team=shop",
        OTEL_SERVICE_NAME="api-canary",
    ).attributes
    assert (attributes["service.name"], attributes["service.version"], attributes["team"]) == (
        "api-canary",
        "2",
        "shop",
    )
