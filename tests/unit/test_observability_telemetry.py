"""The handle that services wrap their parts with: telemetry on and off, and what the environment says."""

import io
import logging
from collections.abc import Iterator, Sequence

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NoOpTracer
from pydantic import ValidationError
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs

from observability import Telemetry, TelemetrySettings, setup
from observability.correlation import context_headers, correlation_id
from observability.tracing import resource
from services.common.messaging.messages import Delivery, Outgoing, Settlement
from tests.unit.asgi import call, http_scope
from tests.unit.fakes import TRACEPARENT, Scripts, delivery
from tests.unit.recorder import Recorder
from tests.unit.test_observability_producing import message

pytestmark = pytest.mark.usefixtures("provider")


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

    await handle.traced_scripts(Scripts({"accept": 1}), {"accept": "redis: accept"})("accept", [], [])
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


async def test_the_event_loop_is_watched_while_the_service_runs() -> None:
    """And at the end what is left of the spans is exported."""
    recorder, ended = Recorder(), list[str]()
    handle = Telemetry(
        recorder.tracer, recorder.registry, "host-1", shutdown=lambda: ended.append("shutdown")
    )
    async with handle.running():
        assert ended == []
    assert ended == ["shutdown"]


@pytest.fixture(name="restored")
def restored_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what `setup` does to the process."""
    root, level, handlers = logging.getLogger(), logging.root.level, logging.root.handlers
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("settings", "enabled", "traces"),
    [
        (TelemetrySettings(otel_traces_exporter="none"), True, True),
        (TelemetrySettings(otel_traces_exporter="none", otel_sdk_disabled=True), True, False),
        (TelemetrySettings(telemetry="off"), False, False),
    ],
)
def test_setup_does_what_the_environment_says(
    settings: TelemetrySettings, *, enabled: bool, traces: bool
) -> None:
    """Telemetry may be off as a whole, or without traces."""
    handle = setup("api", settings, "1.2.3", "test")
    assert handle.enabled is enabled
    assert isinstance(handle.tracer, NoOpTracer) is not traces
    assert logging.root.level == (logging.INFO if enabled else logging.WARNING)
    handle.shutdown()


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
    with pytest.raises(ValidationError, match=name.lower()):
        TelemetrySettings()


def told(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Resource:
    """Return the resource in an environment."""
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return resource("api", version="1.2.3", environment="test", instance="host-1")


def test_a_resource_says_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Namespace, name, version, instance and environment."""
    assert told(monkeypatch).attributes == {
        "service.namespace": "orderscope",
        "service.name": "api",
        "service.version": "1.2.3",
        "service.instance.id": "host-1",
        "deployment.environment.name": "test",
    }


def test_the_standard_variables_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the specification has it, `OTEL_SERVICE_NAME` before all."""
    attributes = told(
        monkeypatch,
        OTEL_RESOURCE_ATTRIBUTES="service.name=no,service.version=2,team=shop",
        OTEL_SERVICE_NAME="api-canary",
    ).attributes
    assert (attributes["service.name"], attributes["service.version"], attributes["team"]) == (
        "api-canary",
        "2",
        "shop",
    )
