"""Log lines on their way to a real OTLP receiver: what arrives, and when nothing is to."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from opentelemetry import trace

from observability import Telemetry, TelemetrySettings, setup
from observability.correlation import Correlated
from tests.unit.exported_logs import ENDPOINT, Start, logging_restored, starting
from tests.unit.otlp_collector import Collector, running_collector
from tests.unit.recorder import Recorder, span_id, trace_id


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A receiver that takes everything until it is told otherwise."""
    with running_collector() as running:
        yield running


@pytest.fixture(name="start")
def start_fixture() -> Iterator[Start]:
    """Return what configures logs to be exported to an address."""
    with starting() as start:
        yield start


def events(collector: Collector) -> list[str]:
    """Return the events of all records that arrived."""
    return [record.body.string_value for request in collector.received for record in request.records]


def test_lines_of_ours_and_of_libraries_arrive_with_who_speaks(collector: Collector, start: Start) -> None:
    """One POST to Loki's path; stdout has the same lines, as ever."""
    exporting = start(collector.logs_url)
    structlog.get_logger().info("order accepted", order_id="o-1")
    logging.getLogger("library").warning("odd")
    exporting.export.shutdown()
    [request] = collector.received
    assert (request.path, request.headers["content-type"]) == ("/otlp/v1/logs", "application/x-protobuf")
    [resource] = request.logs.resource_logs
    assert [(one.key, one.value.string_value) for one in resource.resource.attributes] == [
        ("service.name", "api")
    ]
    assert events(collector) == [line["event"] for line in exporting.written()] == ["order accepted", "odd"]
    assert exporting.results == {"exported": 2}


def test_a_record_joins_its_line_its_span_and_its_order(collector: Collector, start: Start) -> None:
    """From any of them the others are found: same time, same trace and span, same correlation id."""
    exporting, recorder = start(collector.logs_url), Recorder()
    with Correlated("checkout-42"), recorder.within():
        structlog.get_logger().info("order accepted")
    exporting.export.shutdown()
    [record], [line], span = collector.received[0].records, exporting.written(), recorder.span()
    assert (record.trace_id.hex(), record.span_id.hex()) == (trace_id(span), span_id(span))
    assert [(one.key, one.value.string_value) for one in record.attributes] == [
        ("correlation_id", "checkout-42")
    ]
    assert (line["trace_id"], line["correlation_id"]) == (record.trace_id.hex(), "checkout-42")
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time - 1000 <= record.time_unix_nano <= span.end_time  # lines have microseconds


def test_what_is_exported_is_redacted(collector: Collector, start: Start) -> None:
    """As on stdout: telling names, emails and credentials in texts, exceptions, what only has a `repr`."""

    class Url:
        def __repr__(self) -> str:
            return "Url(amqp://shop:hunter2@mq/)"

    exporting = start(collector.logs_url)
    log = structlog.get_logger()
    log.warning("to ada@example.com", token="hunter2", url=Url(), more={"password": "hunter2"})
    try:
        raise ValueError("no mail for ada@example.com")  # noqa: TRY301 - what is logged
    except ValueError:
        logging.getLogger("library").exception("connecting to amqp://shop:hunter2@mq/")
    exporting.export.shutdown()
    [request] = collector.received
    assert len(request.records) == 2
    assert b"ValueError" in request.body
    assert b"hunter2" not in request.body
    assert b"ada@" not in request.body


@pytest.mark.parametrize(
    ("variables", "exports"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://any:4318", "OTEL_LOGS_EXPORTER": "otlp"}, True),
        ({ENDPOINT: "http://loki:3100/otlp/v1/logs"}, True),
        ({ENDPOINT: "http://loki:3100/otlp/v1/logs", "OTEL_LOGS_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://loki:3100/otlp/v1/logs", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://loki:3100/otlp/v1/logs", "TELEMETRY": "off"}, False),
        ({ENDPOINT: " "}, False),
    ],
)
def test_lines_are_exported_where_somebody_said_so(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, exports: bool
) -> None:
    """Whoever takes spans need not take log lines: the endpoint for all signals is not enough by itself."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert TelemetrySettings().exports_logs is exports


@pytest.fixture(name="set_up")
def set_up_fixture(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., tuple[Telemetry, io.BytesIO]]]:
    """Return what sets telemetry up in an environment, with the stream that stands for stdout."""
    stdout = io.BytesIO()
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)

    def set_up(**variables: str) -> tuple[Telemetry, io.BytesIO]:
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stdout))
        for name, value in {"OTEL_TRACES_EXPORTER": "none", **variables}.items():
            monkeypatch.setenv(name, value)
        return setup("api", TelemetrySettings(), "1.2.3", "test"), stdout

    with logging_restored():
        yield set_up


async def test_a_service_exports_its_lines_until_it_ends(
    collector: Collector, set_up: Callable[..., tuple[Telemetry, io.BytesIO]]
) -> None:
    """What is left goes out on leaving, is counted, and is said to be of this process."""
    telemetry, _ = set_up(**{ENDPOINT: collector.logs_url, "OTEL_BLRP_SCHEDULE_DELAY": "60000"})
    async with telemetry.running():
        structlog.get_logger().info("order accepted")
    [request] = collector.received
    who = {one.key: one.value.string_value for one in request.logs.resource_logs[0].resource.attributes}
    assert who.items() >= {"service.name": "api", "service.instance.id": telemetry.instance}.items()
    assert [record.body.string_value for record in request.records] == ["order accepted"]
    value = telemetry.registry.get_sample_value
    assert value("telemetry_log_records_total", {"result": "exported"}) == 1
    timed = {"otel_component_type": "otlp_http_log_exporter"}
    assert value("otel_sdk_exporter_operation_duration_seconds_count", timed) == 1


async def test_without_telemetry_nothing_is_exported(
    collector: Collector, set_up: Callable[..., tuple[Telemetry, io.BytesIO]]
) -> None:
    """Its cost could not be measured otherwise; what went wrong is still told on stdout."""
    telemetry, stdout = set_up(**{ENDPOINT: collector.logs_url, "TELEMETRY": "off"})
    async with telemetry.running():
        structlog.get_logger().warning("broken")
    assert collector.received == []
    assert [json.loads(line)["event"] for line in stdout.getvalue().splitlines()] == ["broken"]
