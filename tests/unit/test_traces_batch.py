"""Protobuf export requests as lists of spans."""

import tracemalloc

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.batch import split_protobuf
from stack.backends.traces.spans import NO_SERVICE_NAME, MalformedError
from tests.unit.trace_samples import field, key_values, make_request, make_span


def test_every_span_comes_with_its_own_origin() -> None:
    """Spans of two services in one request keep their resource and scope."""
    request = make_request(make_span(1), make_span(2), service="api", scope="first")
    request.MergeFrom(make_request(make_span(1), service="worker", scope="second"))
    pairs = split_protobuf(request.SerializeToString())
    assert [origin.service for origin, _ in pairs] == ["api", "api", "worker"]
    assert [b"second" in origin.scope for origin, _ in pairs] == [False, False, True]
    sent = [span for group in request.resource_spans for span in group.scope_spans[0].spans]
    assert [Span.FromString(encoded) for _, encoded in pairs] == sent


def test_a_resource_may_come_last_and_in_pieces() -> None:
    """Fields have no order on the wire, and the pieces of one submessage are merged, as protobuf has it."""
    pieces = [Resource(attributes=key_values({key: "late"})) for key in ("service.namespace", "service.name")]
    spans = field(2, field(2, make_span().SerializeToString()))
    group = spans + b"".join(field(1, piece.SerializeToString()) for piece in pieces)
    [(origin, _)] = split_protobuf(field(1, group))
    assert origin.service == "late"
    assert Resource.FromString(origin.resource).attributes[0].key == "service.namespace"


def test_schema_urls_are_kept() -> None:
    """The schema URLs of the resource and of the scope both reach the origin."""
    request = make_request(make_span())
    request.resource_spans[0].schema_url = "https://example.com/resource"
    request.resource_spans[0].scope_spans[0].schema_url = "https://example.com/scope"
    [(origin, _)] = split_protobuf(request.SerializeToString())
    assert origin.resource_schema_url == "https://example.com/resource"
    assert origin.scope_schema_url == "https://example.com/scope"


def test_a_resource_without_a_name_gets_jaegers() -> None:
    """A span of nobody is found under the name that Jaeger gives it."""
    request = make_request(make_span())
    request.resource_spans[0].ClearField("resource")
    [(origin, _)] = split_protobuf(request.SerializeToString())
    assert origin.service == NO_SERVICE_NAME


def test_an_empty_body_is_an_empty_request() -> None:
    """Protobuf encodes the empty request as nothing."""
    assert split_protobuf(b"") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"garbage", id="no protobuf"),
        pytest.param(field(1, b"garbage"), id="no ResourceSpans"),
        pytest.param(field(1, field(1, b"\xff")), id="no Resource"),
        pytest.param(field(1, field(2, b"\xff")), id="no ScopeSpans"),
        pytest.param(field(1, field(2, field(1, field(1, b"\xff\xfe")))), id="a scope's name is not UTF-8"),
        pytest.param(field(1, field(3, b"\xff\xfe")), id="a schema URL is not UTF-8"),
        pytest.param(field(1, field(1, field(1, b"\x0a\x05ab"))), id="truncated attribute"),
    ],
)
def test_malformed_requests_are_refused(body: bytes) -> None:
    """Garbage on every level is reported as such."""
    with pytest.raises(MalformedError):
        split_protobuf(body)


def test_millions_of_empty_spans_are_refused_cheaply() -> None:
    """A small request that would become hundreds of MiB of messages is refused before they are built."""
    spans = b"\x12\x00" * 1_000_000
    size = len(spans)
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError, match="more than"):
            split_protobuf(b"\x0a" + bytes([length[0] + 4, *length[1:]]) + b"\x12" + length + spans)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * 2**20


def test_deep_values_are_refused() -> None:
    """A resource nested deeper than protobuf's own limit is malformed, not a crash."""
    value = b""
    for _ in range(120):
        value = field(5, field(1, value))
    attribute = KeyValue(key="deep").SerializeToString() + field(2, value)
    with pytest.raises(MalformedError):
        split_protobuf(field(1, field(1, field(1, attribute))))
