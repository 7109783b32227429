"""The exporter and a server that fails it: what is tried again, for how long, and what is logged."""

import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import NoReturn

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from observability.otlp import delivery
from tests.unit.otlp_collector import PATIENCE, Answer, Collector, exporting, record_pauses, running_collector
from tests.unit.otlp_samples import span

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
SOON = 2.0  # seconds that a busy machine may take for what should take none


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A server that takes everything until it is told otherwise."""
    with running_collector() as running:
        yield running


@pytest.fixture
def refusing() -> Iterator[Collector]:
    """A server that has its port and refuses connections."""
    server = Collector()
    yield server
    server.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retryable_statuses_are_tried_again(collector: Collector, status: int) -> None:
    """The same batch is sent again until the server takes it, and then counts once."""
    collector.answers += [Answer(status), Answer(status)]
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(name="kept")]) is SUCCESS
    assert [request.names for request in collector.received] == [["kept"]] * 3
    assert results == [(1, "exported")]


def test_retry_after_is_waited_for(collector: Collector) -> None:
    """The server's own figure is longer than the first pause would be, and is kept."""
    collector.answers.append(Answer(503, {"Retry-After": "1"}))
    with exporting(collector.url) as (exporter, results):
        started = monotonic()
        assert exporter.export([span()]) is SUCCESS
    assert monotonic() - started >= 1.0
    assert results == [(1, "exported")]


def test_retry_after_beyond_the_timeout_is_not_waited_for(collector: Collector) -> None:
    """When the server wants more time than there is, the batch is given up at once."""
    collector.answers.append(Answer(503, {"Retry-After": "3600"}))
    with exporting(collector.url) as (exporter, results):
        started = monotonic()
        assert exporter.export([span()]) is FAILURE
    assert monotonic() - started < SOON
    assert results == [(1, "http_503")]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 500])
def test_other_statuses_are_not_tried_again(collector: Collector, status: int) -> None:
    """OTLP forbids it: one request, one loss."""
    collector.answers.append(Answer(status))
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(), span()]) is FAILURE
    assert len(collector.received) == 1
    assert results == [(2, f"http_{status}")]


def test_refused_connection_is_tried_again_until_the_timeout(refusing: Collector) -> None:
    """A dead server costs at most the timeout, and the batch."""
    with exporting(refusing.url, timeout=0.5) as (exporter, results):
        started = monotonic()
        assert exporter.export([span()]) is FAILURE
    assert monotonic() - started < SOON
    assert results == [(1, "connection_error")]


def test_server_that_comes_back_in_time_gets_the_batch(
    refusing: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt is refused; while the exporter pauses, the server starts."""

    def start_server(_attempt: int) -> float:
        refusing.listen()
        return 0.0

    monkeypatch.setattr(delivery, "backoff", start_server)
    with exporting(refusing.url) as (exporter, results):
        assert exporter.export([span()]) is SUCCESS
    assert results == [(1, "exported")]


def test_disconnect_without_an_answer_is_tried_again_after_a_pause(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a new connection it cannot have been an idle one that timed out, so the server is in trouble."""
    pauses = record_pauses(monkeypatch)
    collector.answers += [Answer(cut=True), Answer(cut=True)]
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(name="kept")]) is SUCCESS
    assert [request.names for request in collector.received] == [["kept"]] * 3
    assert (results, pauses) == ([(1, "exported")], [0, 1])


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(trickle=True)])
def test_timeout_bounds_the_whole_export(collector: Collector, answer: Answer) -> None:
    """A server that hangs, or that always sends a little more, is left in time."""
    collector.answers.append(answer)
    with exporting(collector.url, timeout=0.4) as (exporter, results):
        started = monotonic()
        assert exporter.export([span()]) is FAILURE
        assert 0.4 <= monotonic() - started < SOON
        assert results == [(1, "timeout")]
        assert exporter.export([span()]) is SUCCESS


def test_waiting_for_another_export_is_bounded_too(
    refusing: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server may hold an export beyond its deadline, but not those that wait for it."""
    held, release = threading.Event(), threading.Event()

    def resolve(*_: object, **__: object) -> NoReturn:
        held.set()
        release.wait(PATIENCE)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with exporting(refusing.url, timeout=0.2) as (exporter, results):
        thread = threading.Thread(target=exporter.export, args=([span()],))
        thread.start()
        assert held.wait(PATIENCE)
        assert exporter.export([span(), span()]) is FAILURE
        assert results == [(2, "timeout")]
        release.set()
        thread.join(PATIENCE)
    assert results == [(2, "timeout"), (1, "connection_error")]


def test_outage_is_one_line_when_it_begins_and_one_when_it_ends(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Single batches are not logged; the last line has the sums by reason."""
    caplog.set_level("INFO", "observability.otlp")
    body = b"\x12\x07no such"  # google.rpc.Status with a message
    collector.answers += [Answer(), Answer(404, body=body), Answer(404), Answer(400), Answer(), Answer()]
    with exporting(collector.url) as (exporter, _):
        for _ in range(6):
            exporter.export([span(), span()])
            exporter.export([])  # no news
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("WARNING", f"OTLP export to {collector.url} loses spans (http_404 2): 'no such'"),
        ("INFO", f"OTLP export to {collector.url} works again; lost: http_404 4, http_400 2"),
    ]
