"""Shutting the exporter down ends whatever it waits for."""

import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from observability.otlp import connection, delivery
from tests.unit.otlp_collector import PATIENCE, Answer, Collector, exporting, running_collector
from tests.unit.otlp_samples import span

SOON = 2.0  # seconds that a busy machine may take for what should take none


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A server that takes everything until it is told otherwise."""
    with running_collector() as running:
        yield running


def test_shutdown_ends_a_pause(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """No further attempt is made, and the thread is free at once."""
    pausing = threading.Event()

    def pause(_attempt: int) -> float:
        pausing.set()
        return 5.0

    monkeypatch.setattr(delivery, "backoff", pause)
    collector.answers.append(Answer(503))
    with exporting(collector.url) as (exporter, results):
        thread = threading.Thread(target=exporter.export, args=([span()],))
        thread.start()
        assert pausing.wait(PATIENCE)
        exporter.shutdown()
        thread.join(SOON)
        assert not thread.is_alive()
    assert len(collector.received) == 1
    assert results == [(1, "shutdown")]


def test_shutdown_ends_a_request(collector: Collector) -> None:
    """A server that hangs does not hold the program's exit, and no other connection is tried."""
    collector.answers += [Answer(), Answer(hang=True)]
    with exporting(collector.url) as (exporter, results):
        exporter.export([span()])
        assert collector.arrived.acquire(timeout=PATIENCE)
        thread = threading.Thread(target=exporter.export, args=([span()],))
        thread.start()
        assert collector.arrived.acquire(timeout=PATIENCE)
        exporter.shutdown()
        thread.join(SOON)
        assert not thread.is_alive()
    assert results == [(1, "exported"), (1, "shutdown")]
    assert collector.accepted == 1


def test_batches_after_shutdown_are_refused_and_counted(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They open no connection, and a second shutdown changes nothing."""
    monkeypatch.setattr(connection, "connect", None)  # calling it would be an internal error
    with exporting(collector.url) as (exporter, results):
        exporter.shutdown()
        assert exporter.export([span()]) is SpanExportResult.FAILURE
        assert exporter.force_flush()
    assert results == [(1, "shutdown")]
