"""Spans and export requests for the tests of the trace store."""

import itertools
from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from stack.backends.traces.batch import split_protobuf
from stack.backends.traces.ingest import ingest
from stack.backends.traces.store import Limits, TraceStore

SECOND = 1_000_000_000
NOON = 1_769_860_800 * SECOND  # 2026-01-31T12:00:00Z

_span_ids = itertools.count(1)


def field(number: int, content: bytes) -> bytes:
    """Return an encoded length-delimited field of up to 16 KiB."""
    return bytes([number << 3 | 2, len(content) & 0x7F | 0x80, len(content) >> 7]) + content


def trace_id(number: int) -> bytes:
    """Return a trace id."""
    return number.to_bytes(16)


def any_value(value: object) -> AnyValue:
    """Return a scalar as OTLP has it."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
    return AnyValue(string_value=str(value))


def key_values(attributes: Mapping[str, object]) -> list[KeyValue]:
    """Return attributes as OTLP has them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def make_span(  # noqa: PLR0913  # one keyword for each part of a span
    trace: int = 1,
    name: str = "work",
    *,
    start: int = NOON,
    duration: int = SECOND,
    kind: int = 1,
    status: int = 0,
    span_id: bytes = b"",
    parent: bytes = b"",
    attributes: Mapping[str, object] | None = None,
) -> Span:
    """Return a span, with an id of its own unless one is given."""
    return Span(
        trace_id=trace_id(trace),
        span_id=span_id or next(_span_ids).to_bytes(8),
        parent_span_id=parent,
        name=name,
        kind=Span.SpanKind.ValueType(kind),
        start_time_unix_nano=start,
        end_time_unix_nano=start + duration,
        attributes=key_values(attributes or {}),
        status=Status(code=Status.StatusCode.ValueType(status)),
    )


def make_request(
    *spans: Span, service: str = "api", resource: Mapping[str, object] | None = None, scope: str = "tests"
) -> ExportTraceServiceRequest:
    """Return an export request of one service."""
    attributes = key_values({"service.name": service, **(resource or {})})
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=attributes),
                scope_spans=[ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)],
            )
        ]
    )


async def send(store: TraceStore, *requests: ExportTraceServiceRequest) -> int:
    """Send requests to a store; return how many spans it rejected."""
    outcomes = [await ingest(split_protobuf(request.SerializeToString()), store) for request in requests]
    return sum(outcome.rejected for outcome in outcomes)


async def store_of(*requests: ExportTraceServiceRequest, limits: Limits | None = None) -> TraceStore:
    """Return a store to which requests were sent."""
    store = TraceStore(limits or Limits())
    await send(store, *requests)
    return store
