"""Spans and export requests for the tests of the trace store."""

import itertools
from collections.abc import Mapping
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from starlette.testclient import TestClient

from stack.backends.traces.app import trace_app
from stack.backends.traces.store import TraceStore

SECOND = 1_000_000_000
NOON = 1_769_860_800 * SECOND  # 2026-01-31T12:00:00Z
EVER = {"query.startTimeMin": "1970-01-01T00:00:00Z", "query.startTimeMax": "2600-01-01T00:00:00Z"}
FIELDS = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
PROTOBUF, JSON = "application/x-protobuf", "application/json"

_span_ids = itertools.count(1)


def trace_id(number: int) -> str:
    """Return a trace id as queries have it."""
    return f"{number:032x}"


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Return attributes as OTLP has them."""
    values = {key: AnyValue(**{FIELDS[type(value)]: value}) for key, value in attributes.items()}
    return [KeyValue(key=key, value=value) for key, value in values.items()]


def make_span(  # noqa: PLR0913  # one keyword for each part of a span
    trace: int = 1,
    name: str = "work",
    *,
    start: int = NOON,
    duration: int = SECOND,
    kind: int = 1,
    status: int = 0,
    span_id: bytes = b"",
    attributes: Mapping[str, object] | None = None,
) -> Span:
    """Return a span, with an id of its own unless one is given."""
    return Span(
        trace_id=trace.to_bytes(16),
        span_id=span_id or next(_span_ids).to_bytes(8),
        name=name,
        kind=Span.SpanKind.ValueType(kind),
        start_time_unix_nano=start,
        end_time_unix_nano=start + duration,
        attributes=key_values(attributes or {}),
        status=Status(code=Status.StatusCode.ValueType(status)),
    )


def make_request(
    *spans: Span, service: str = "api", resource: Mapping[str, object] | None = None
) -> ExportTraceServiceRequest:
    """Return an export request of one service."""
    attributes = key_values({"service.name": service, **(resource or {})})
    scope_spans = ScopeSpans(scope=InstrumentationScope(name="tests"), spans=spans)
    resource_spans = ResourceSpans(resource=Resource(attributes=attributes), scope_spans=[scope_spans])
    return ExportTraceServiceRequest(resource_spans=[resource_spans])


def make_json(**fields: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return an export request in JSON whose only span has these fields beside the necessary ones."""
    times = {"startTimeUnixNano": str(NOON), "endTimeUnixNano": NOON + SECOND}
    span = {"traceId": trace_id(1), "spanId": "0A" * 8, "name": "work", **times, **fields}
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


class Traces(TestClient):
    """A trace store, and a client that asks it."""

    def __init__(self, max_bytes: int = 2**28, max_spans_per_trace: int = 2_000) -> None:
        """Start with an empty store."""
        self.store = TraceStore(max_bytes, max_spans_per_trace)
        super().__init__(trace_app(self.store))

    def export(self, *requests: ExportTraceServiceRequest) -> None:
        """Send requests in one, all of whose spans are taken."""
        groups = [group for request in requests for group in request.resource_spans]
        body = ExportTraceServiceRequest(resource_spans=groups).SerializeToString()
        answer = self.post("/v1/traces", content=body, headers={"content-type": PROTOBUF})
        assert (answer.status_code, answer.content) == (200, b"")

    def find(self, **query: str) -> list[int]:
        """Return the numbers of the traces that a search finds; `serviceName` means `query.serviceName`."""
        named = EVER | {f"query.{name}": value for name, value in query.items()}
        answer = self.get("/api/v3/traces", params=named)
        if answer.status_code == 404:
            return []
        groups = answer.raise_for_status().json()["result"]["resourceSpans"]
        spans = [span for group in groups for part in group["scopeSpans"] for span in part["spans"]]
        return list(dict.fromkeys(int(span["traceId"], 16) for span in spans))
