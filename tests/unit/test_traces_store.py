"""What the trace store keeps, and what it lets go."""

import gc
import tracemalloc

from stack.backends.traces.otlp import from_protobuf
from tests.unit.trace_samples import JSON, NOON, Traces, make_json, make_request, make_span, trace_id


def test_a_trace_is_merged_from_the_requests_of_three_services() -> None:
    """Spans that come in separate requests, in any order, make up one trace."""
    traces = Traces()
    for service in ("worker", "api", "notifier", "worker"):
        traces.export(make_request(make_span(1, f"{service} works"), service=service))
    spans = traces.store.traces[trace_id(1)].values()
    assert [span.service for span in spans] == ["worker", "api", "notifier", "worker"]


def test_a_span_that_is_sent_twice_is_kept_once() -> None:
    """An exporter that retries a batch doubles nothing, also where the trace is full by now."""
    traces, request = Traces(max_spans_per_trace=2), make_request(make_span(1), make_span(1))
    traces.export(request)
    size = traces.store.size
    traces.export(request)
    assert (len(traces.store.traces[trace_id(1)]), traces.store.size) == (2, size)


def test_the_oldest_trace_makes_room() -> None:
    """Past its bound the store drops the trace whose first span came first, even when it still grows.

    Neither attributes nor resources fill more memory than the bound.
    """
    large, huge = {"text": "x" * 40_000}, {"text": "x" * 120_000}
    traces = Traces(max_bytes=100_000)
    traces.export(*(make_request(make_span(number, attributes=large)) for number in (1, 2)))
    traces.export(make_request(make_span(1)), make_request(make_span(3, attributes=large)))
    assert list(traces.store.traces) == [trace_id(2), trace_id(3)]
    assert traces.store.size <= 100_000
    traces.export(make_request(make_span(1, attributes=huge)), make_request(make_span(2), resource=huge))
    assert (traces.store.traces, traces.store.size) == ({}, 0)


def test_the_estimate_of_memory_is_honest() -> None:
    """What the store says that it occupies is what it occupies, give or take two fifths."""
    attributes = {f"attribute.number.{number}": f"value {number}" for number in range(8)}
    traces = [[make_span(n, attributes=attributes) for _ in range(8)] for n in range(1, 201)]
    requests = [from_protobuf(make_request(*spans).SerializeToString()) for spans in traces]
    store = Traces().store
    gc.collect()
    tracemalloc.start()
    try:
        for request in requests:
            store.add(request)
        occupied, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.6 < occupied / store.size < 1.4


def test_both_encodings_are_answered_alike() -> None:
    """Ids are hex, enums are numbers and 64-bit integers are strings, whichever way a span came."""
    traces = Traces()
    traces.export(make_request(make_span(1, kind=5, status=2, attributes={"n": 1}, span_id=b"\x0a" * 8)))
    fields = {"kind": 5, "status": {"code": 2}, "attributes": [{"key": "n", "value": {"intValue": "1"}}]}
    body = make_json(traceId=trace_id(2), **fields)
    traces.post("/v1/traces", content=body, headers={"content-type": JSON})
    answers = (traces.get(f"/api/v3/traces/{number}").json()["result"] for number in (1, 2))
    first, second = (answer["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for answer in answers)
    assert second == {**first, "traceId": trace_id(2)}
    assert (first["spanId"], first["startTimeUnixNano"]) == ("0a" * 8, str(NOON))
