"""Log lines on their way to a real OTLP receiver: what arrives, and when nothing is to."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from opentelemetry import trace

from observability import Telemetry, TelemetrySettings, setup
from observability.propagation import correlated
from tests.unit.logged import logging_restored
from tests.unit.otlp_collector import Collector
from tests.unit.recorder import Recorder, span_id, trace_id

ENDPOINT = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
LOKI = {ENDPOINT: "http://loki:3100/otlp/v1/logs"}
SetUp = Callable[..., Telemetry]
Stdout = pytest.CaptureFixture[bytes]


@pytest.fixture(name="set_up")
def set_up_fixture(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> Iterator[SetUp]:
    """Return what sets telemetry up in an environment."""
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)
    monkeypatch.setattr("sys.excepthook", None)

    def set_up(**variables: str) -> Telemetry:
        usual = {ENDPOINT: collector.logs_url, "OTEL_TRACES_EXPORTER": "none"}
        for name, value in (usual | variables).items():
            monkeypatch.setenv(name, value)
        return setup("api", TelemetrySettings(), "1.2.3", "test")

    with logging_restored():
        yield set_up


@pytest.mark.parametrize("mode", ["lean", "stock"])
async def test_a_service_exports_its_lines_until_it_ends(
    collector: Collector, set_up: SetUp, capsysbinary: Stdout, mode: str
) -> None:
    """Ours and those of libraries, as on stdout; the record joins its line, its span and its order."""
    telemetry = set_up(TELEMETRY=mode)
    recorder = Recorder()
    async with telemetry.running():
        with correlated("checkout-42"), recorder.within():
            structlog.get_logger().info("order accepted", order_id="o-1")
        logging.getLogger("library").warning("odd")
    [request] = collector.received
    who = {one.key: one.value.string_value for one in request.logs.resource_logs[0].resource.attributes}
    assert who.items() >= {"service.name": "api", "service.instance.id": telemetry.instance}.items()
    written = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [record.body.string_value for record in request.records] == [line["event"] for line in written]
    ours, span = request.records[0], recorder.span()
    assert (ours.trace_id.hex(), ours.span_id.hex()) == (trace_id(span), span_id(span))
    assert {one.key: one.value.string_value for one in ours.attributes} == {
        "correlation_id": "checkout-42",
        "order_id": "o-1",
    }
    value = telemetry.registry.get_sample_value
    assert value("telemetry_log_records_total", {"result": "exported"}) == 2
    timed = {"otel_component_type": "otlp_http_log_exporter"}
    assert value("otel_sdk_exporter_operation_duration_seconds_count", timed) == 1


@pytest.mark.parametrize(
    ("variables", "exports"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://any:4318", "OTEL_LOGS_EXPORTER": "otlp"}, True),
        (LOKI, True),
        ({**LOKI, "OTEL_LOGS_EXPORTER": "none"}, False),
        ({**LOKI, "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: ""}, False),
    ],
)
def test_lines_are_exported_where_somebody_said_so(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, exports: bool
) -> None:
    """Whoever takes spans need not take log lines: the endpoint for all signals is not enough by itself."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert TelemetrySettings().exports_logs is exports
