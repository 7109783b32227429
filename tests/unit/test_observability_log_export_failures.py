"""Log lines whose way to the store is blocked: what that costs, and what is said of it."""

import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import structlog

from tests.unit.exported_logs import Start, starting
from tests.unit.otlp_collector import Answer, Collector, running_collector


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


def test_the_queue_is_bounded_and_drops_are_counted(collector: Collector, start: Start) -> None:
    """While the receiver hangs nobody waits, and what finds no room is counted; stdout has every line."""
    collector.answers.append(Answer(hang=True))
    limits = {"OTEL_BLRP_MAX_QUEUE_SIZE": "20", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "5"}
    exporting = start(collector.logs_url, **limits)
    log = structlog.get_logger()
    for number in range(5):
        log.info("held", number=number)
    assert collector.arrived.acquire(timeout=5)
    began = time.monotonic()
    for number in range(30):
        log.info("more", number=number)
    assert time.monotonic() - began < 1
    assert exporting.results == {"queue_full": 10}
    assert len(exporting.written()) == 35


def test_a_dead_receiver_costs_lines_and_writes_one(start: Start) -> None:
    """Each line is counted as lost; the outage is told once on stdout, and never exported."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/otlp/v1/logs"
    variables = {"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "0.05", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "1"}
    exporting = start(url, **variables)
    for number in range(5):
        structlog.get_logger().info("order accepted", number=number)
        exporting.until_settled(number + 1)
    complaints = [line["event"] for line in exporting.written() if line["event"] != "order accepted"]
    assert exporting.results == {"connection_error": 5}
    assert len(complaints) == 1
    assert complaints[0].startswith(f"OTLP export to {url} loses log records (connection_error 1): ")


def test_a_receiver_that_comes_and_goes_does_not_feed_itself(collector: Collector, start: Start) -> None:
    """Every change of its health is a line: exported, each would be a batch, and so another change."""
    collector.answers += [Answer(400), Answer(), Answer(400), Answer()]
    exporting = start(collector.logs_url, OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="1")
    log = structlog.get_logger()
    for number in range(4):
        log.info("ours", number=number)
        exporting.until_settled(number + 1)
    exporting.export.shutdown()
    assert events(collector) == ["ours"] * 4
    assert exporting.results == {"exported": 2, "http_400": 2}
    assert len(exporting.written()) == 8


def test_what_the_exporter_of_spans_complains_about_is_exported(collector: Collector, start: Start) -> None:
    """Whoever looks into Loki reads there why traces have holes."""
    exporting = start(collector.logs_url)
    complain = logging.getLogger("observability.otlp").warning
    thread = threading.Thread(target=complain, args=("OTLP export to jaeger loses spans",))
    thread.start()
    thread.join(5)
    exporting.export.shutdown()
    assert events(collector) == ["OTLP export to jaeger loses spans"]
