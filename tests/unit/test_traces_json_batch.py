"""OTLP/JSON export requests as lists of spans."""

import orjson
import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # protobuf ships no stubs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.batch import split_protobuf
from stack.backends.traces.json_batch import split_json
from stack.backends.traces.spans import MalformedError
from tests.unit.trace_samples import NOON, make_request, make_span

HEX_ID, HEX_SPAN = "0AF7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def document(**span: object) -> bytes:
    """Return a JSON request with one span."""
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def only_span(body: bytes) -> Span:
    """Return the span of a request that has one."""
    [(_, encoded)] = split_json(body)
    span: Span = Span.FromString(encoded)
    return span


def test_ids_are_hex() -> None:
    """The ids of a span and of its links are hex of either case, not base64."""
    link = {"traceId": HEX_ID.lower(), "spanId": HEX_SPAN}
    span = only_span(document(traceId=HEX_ID, spanId=HEX_SPAN, parentSpanId=HEX_SPAN, links=[link]))
    assert (span.trace_id.hex(), span.span_id.hex()) == (HEX_ID.lower(), HEX_SPAN)
    assert span.parent_span_id.hex() == span.links[0].span_id.hex() == HEX_SPAN
    assert span.links[0].trace_id == span.trace_id


@pytest.mark.parametrize("start", [NOON, str(NOON)])
def test_64_bit_numbers_may_be_numbers_or_strings(start: int | str) -> None:
    """proto3's JSON accepts both forms, and so does this."""
    assert only_span(document(traceId=HEX_ID, startTimeUnixNano=start)).start_time_unix_nano == NOON


def test_unknown_fields_are_ignored() -> None:
    """A newer client may send fields that this version does not know."""
    assert only_span(document(traceId=HEX_ID, inventedLater={"a": [1]}, name="known")).name == "known"


def test_json_and_protobuf_say_the_same() -> None:
    """The same request gives the same spans and origins in both encodings."""
    request = make_request(make_span(attributes={"a": 1, "b": True, "c": 0.5, "d": "text", "e": b"\x00"}))
    as_dict = MessageToDict(request)
    for span in as_dict["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        original = request.resource_spans[0].scope_spans[0].spans[0]
        span.update(traceId=original.trace_id.hex(), spanId=original.span_id.hex())
    assert split_json(orjson.dumps(as_dict)) == split_protobuf(request.SerializeToString())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"resourceSpans": {}}', id="object for array"),
        pytest.param(b'{"resourceSpans": [1]}', id="number for object"),
        pytest.param(b'{"resourceSpans": [{"resource": [1]}]}', id="array for resource"),
        pytest.param(document(traceId="xyz"), id="id is not hex"),
        pytest.param(document(traceId=[1]), id="id is no text"),
        pytest.param(document(startTimeUnixNano=-1), id="negative time"),
        pytest.param(document(startTimeUnixNano="1" * 5000), id="huge number"),
        pytest.param(document(name=1), id="number for name"),
        pytest.param(document(attributes={"key": "a"}), id="object for attributes"),
        pytest.param(document(links=[1]), id="number for link"),
        pytest.param(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}', id="surrogate"),
    ],
)
def test_malformed_requests_are_refused(body: bytes) -> None:
    """What is no OTLP/JSON is reported as such, whatever the parsers below raise for it."""
    with pytest.raises(MalformedError):
        split_json(body)


def test_deep_values_are_refused() -> None:
    """An attribute nested too deep is malformed, not a crash."""
    value: dict[str, object] = {"stringValue": "deep"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(MalformedError):
        split_json(document(traceId=HEX_ID, attributes=[{"key": "a", "value": value}]))
