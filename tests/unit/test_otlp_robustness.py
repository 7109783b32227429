"""What the exporter makes of spans, callbacks and arguments that are not as they should be."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from observability.otlp import exporter as exporter_module
from observability.otlp.span_exporter import OtlpSpanExporter
from tests.unit.otlp_collector import Collector, exporting, running_collector
from tests.unit.otlp_samples import span

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A server that takes everything until it is told otherwise."""
    with running_collector() as running:
        yield running


def test_span_that_cannot_be_encoded_costs_no_other(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest of the batch arrives; the bad one is counted and its problem logged."""
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(name="good"), span(start=-1)]) is SUCCESS
        assert exporter.export([span(start=-1)]) is FAILURE
    assert [request.names for request in collector.received] == [["good"]]
    assert results == [(1, "encoding_error"), (1, "exported"), (1, "encoding_error")]
    assert "out of range" in caplog.text


def test_request_beyond_the_limit_is_not_sent(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The specification asks clients to limit requests before compression."""
    monkeypatch.setattr(exporter_module, "REQUEST_LIMIT", 100)
    with exporting(collector.url, compression="gzip") as (exporter, results):
        assert exporter.export([span(name="x" * 100)]) is FAILURE
    assert (collector.received, results) == ([], [(1, "too_large")])


def test_nothing_is_raised_by_a_failing_callback(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback's error is logged once, and the callback left alone from then on."""

    def broken(_spans: int, _reason: str) -> None:
        raise RuntimeError

    exporter = OtlpSpanExporter(collector.url, on_result=broken)
    assert [exporter.export([span()]) for _ in range(3)] == [SUCCESS] * 3
    exporter.shutdown()
    assert caplog.text.count("on_result failed") == 1


def test_nothing_is_raised_by_what_nobody_thought_of(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the exporter's own costs the batch, which is counted."""
    monkeypatch.setattr(exporter_module, "compress", None)
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span()]) is FAILURE
    assert results == [(1, "internal_error")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": "ftp://127.0.0.1/"}, "URL"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"compression": "zstd"}, "zstd"),
        ({"headers": {"a b": "c"}}, "a b"),
        ({"headers": {"a": "b\r\nc: d"}}, "control"),
    ],
)
def test_malformed_arguments_are_refused(options: dict[str, object], message: str) -> None:
    """A mistake shows when the exporter is made, not when the first batch is lost."""
    with pytest.raises(ValueError, match=message):
        OtlpSpanExporter(**({"endpoint": "http://127.0.0.1/"} | options))  # type: ignore[arg-type]  # on purpose
