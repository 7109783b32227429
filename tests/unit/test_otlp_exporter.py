"""The exporter and a real HTTP server: what arrives, and what the caller hears of it."""

import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from observability.otlp.span_exporter import OtlpSpanExporter, encode
from tests.unit.otlp_collector import PATIENCE, Answer, Collector, exporting, record_pauses, running_collector
from tests.unit.otlp_samples import span

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A server that takes everything until it is told otherwise."""
    with running_collector() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The attempts after which there was a pause, which takes no time."""
    return record_pauses(monkeypatch)


def partial(rejected: int, message: str) -> Answer:
    """Return the answer of a server that does not take all of a batch."""
    success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return Answer(body=ExportTraceServiceResponse(partial_success=success).SerializeToString())


def test_batch_is_posted_as_otlp_says(collector: Collector) -> None:
    """One POST to the endpoint's path, with protobuf's content type and a user agent."""
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(name="a"), span(name="b")]) is SUCCESS
    (request,) = collector.received
    assert request.path == "/v1/traces"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["user-agent"].startswith("orderscope-otlp-exporter")
    assert request.names == ["a", "b"]
    assert results == [(2, "exported")]


def test_configured_headers_are_sent_but_describe_no_body(collector: Collector) -> None:
    """Credentials and the like go along, as UTF-8; what says how to read the body stays."""
    headers = {"Api-Key": "schlüssel", "User-Agent": "mine", "Content-Type": "text/plain"}
    with exporting(f"{collector.url}?tenant=a", headers=headers) as (exporter, _):
        exporter.export([span()])
    (request,) = collector.received
    assert request.path == "/v1/traces?tenant=a"
    assert request.headers["api-key"].encode("latin-1").decode() == "schlüssel"
    assert request.headers["user-agent"] == "mine"
    assert request.headers["content-type"] == "application/x-protobuf"


def test_gzip_makes_requests_smaller_and_says_so(collector: Collector) -> None:
    """The body is the same once it is unpacked."""
    spans = [span(name=f"span {number}") for number in range(50)]
    with exporting(collector.url, compression="gzip") as (exporter, _):
        assert exporter.export(spans) is SUCCESS
    (request,) = collector.received
    assert request.headers["content-encoding"] == "gzip"
    assert len(request.body) < len(encode(spans)) / 2
    assert request.message == ExportTraceServiceRequest.FromString(encode(spans))


@pytest.mark.parametrize("answer", [Answer(), partial(0, "slow down"), Answer(body=b"x", chunked=True)])
def test_connection_is_kept_between_batches(collector: Collector, answer: Answer) -> None:
    """Three batches, one connection, whatever the form of the answer."""
    collector.answers += [answer, answer, answer]
    with exporting(collector.url) as (exporter, results):
        assert [exporter.export([span()]) for _ in range(3)] == [SUCCESS] * 3
    assert len({request.peer for request in collector.received}) == 1
    assert results == [(1, "exported")] * 3


def test_idle_connection_that_the_server_closed_loses_no_batch(
    collector: Collector, pauses: list[int]
) -> None:
    """The next batch goes over a new connection, without a pause."""
    collector.answers.append(Answer(close=True))
    with exporting(collector.url) as (exporter, results):
        exporter.export([span(name="first")])
        assert collector.closed.acquire(timeout=PATIENCE)
        assert exporter.export([span(name="second")]) is SUCCESS
    assert [request.names for request in collector.received] == [["first"], ["second"]]
    assert len({request.peer for request in collector.received}) == 2
    assert (results, pauses) == ([(1, "exported")] * 2, [])


def test_announced_close_is_respected(collector: Collector) -> None:
    """After `Connection: close` the next batch opens a connection of its own."""
    collector.answers.append(Answer(headers={"Connection": "close"}, close=True))
    with exporting(collector.url) as (exporter, _):
        assert [exporter.export([span()]) for _ in range(2)] == [SUCCESS] * 2
    assert len({request.peer for request in collector.received}) == 2


def test_huge_answer_is_not_read(collector: Collector, pauses: list[int]) -> None:
    """A success stays one, but the connection is given up rather than read to its end."""
    collector.answers.append(Answer(body=bytes(2**20)))
    with exporting(collector.url) as (exporter, results):
        assert [exporter.export([span()]) for _ in range(2)] == [SUCCESS] * 2
    assert len({request.peer for request in collector.received}) == 2
    assert (results, pauses) == ([(1, "exported")] * 2, [])


def test_partial_success_counts_what_was_rejected(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What the server rejected is lost, is told with the server's reason, and is not sent again."""
    collector.answers.append(partial(1, "name too long"))
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(), span(), span()]) is SUCCESS
    assert results == [(2, "exported"), (1, "rejected")]
    assert len(collector.received) == 1
    assert "rejected 1" in caplog.text
    assert "name too long" in caplog.text


def test_server_cannot_reject_more_than_it_got(collector: Collector) -> None:
    """A nonsensical number is brought down to the size of the batch, which then failed."""
    collector.answers.append(partial(1000, ""))
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([span(), span()]) is FAILURE
    assert results == [(2, "rejected")]


def test_empty_batch_is_not_sent(collector: Collector) -> None:
    """OTLP asks senders to send no empty envelopes."""
    with exporting(collector.url) as (exporter, results):
        assert exporter.export([]) is SUCCESS
    assert (collector.received, results) == ([], [])


def test_threads_take_turns(collector: Collector) -> None:
    """A SimpleSpanProcessor exports from many threads; each batch arrives once, over one connection."""
    with exporting(collector.url) as (exporter, results):
        threads = [
            threading.Thread(target=exporter.export, args=([span(name=str(number))],)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert sorted(request.names[0] for request in collector.received) == [str(number) for number in range(8)]
    assert len({request.peer for request in collector.received}) == 1
    assert results == [(1, "exported")] * 8


def test_works_behind_the_batch_processor(collector: Collector) -> None:
    """Spans of a real tracer arrive when its provider shuts down."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OtlpSpanExporter(collector.url)))
    with provider.get_tracer("orders").start_as_current_span("accept") as current:
        current.add_event("stored")
    provider.shutdown()
    (request,) = collector.received
    (found,) = request.message.resource_spans[0].scope_spans[0].spans
    assert (found.name, found.events[0].name) == ("accept", "stored")
