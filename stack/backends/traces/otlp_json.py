"""Stored traces as OTLP/JSON, as Jaeger emits it: hex ids, enums as numbers, 64-bit integers as strings."""

from collections import defaultdict

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from stack.backends.traces.spans import Origin, StoredSpan
from stack.backends.traces.store import Trace
from stack.backends.traces.values import attributes_json

_Json = dict[str, object]


def trace_json(trace: Trace) -> list[_Json]:
    """Return a trace as ResourceSpans, one for each resource that took part."""
    resources: dict[tuple[bytes, str], list[Origin]] = defaultdict(list)
    for origin in trace.spans:
        resources[origin.resource, origin.resource_schema_url].append(origin)
    return [
        _without_empty(
            resource=resource_json(resource),
            scopeSpans=[_scope_spans_json(origin, trace.spans[origin]) for origin in origins],
            schemaUrl=schema_url,
        )
        for (resource, schema_url), origins in resources.items()
    ]


def resource_json(encoded: bytes) -> _Json:
    """Return an encoded resource."""
    resource = Resource.FromString(encoded)
    return _without_empty(
        attributes=attributes_json(resource.attributes),
        droppedAttributesCount=resource.dropped_attributes_count,
    )


def span_json(encoded: bytes) -> _Json:
    """Return an encoded span."""
    span = Span.FromString(encoded)
    return _without_empty(
        traceId=span.trace_id.hex(),
        spanId=span.span_id.hex(),
        traceState=span.trace_state,
        parentSpanId=span.parent_span_id.hex(),
        flags=span.flags,
        name=span.name,
        kind=span.kind,
        startTimeUnixNano=_decimal(span.start_time_unix_nano),
        endTimeUnixNano=_decimal(span.end_time_unix_nano),
        attributes=attributes_json(span.attributes),
        droppedAttributesCount=span.dropped_attributes_count,
        events=[_event_json(event) for event in span.events],
        droppedEventsCount=span.dropped_events_count,
        links=[_link_json(link) for link in span.links],
        droppedLinksCount=span.dropped_links_count,
        status=_status_json(span.status),
    )


def _scope_spans_json(origin: Origin, spans: dict[bytes, StoredSpan]) -> _Json:
    scope = InstrumentationScope.FromString(origin.scope)
    return _without_empty(
        scope=_without_empty(
            name=scope.name,
            version=scope.version,
            attributes=attributes_json(scope.attributes),
            droppedAttributesCount=scope.dropped_attributes_count,
        ),
        spans=[span_json(span.encoded) for span in spans.values()],
        schemaUrl=origin.scope_schema_url,
    )


def _event_json(event: Span.Event) -> _Json:
    return _without_empty(
        timeUnixNano=_decimal(event.time_unix_nano),
        name=event.name,
        attributes=attributes_json(event.attributes),
        droppedAttributesCount=event.dropped_attributes_count,
    )


def _link_json(link: Span.Link) -> _Json:
    return _without_empty(
        traceId=link.trace_id.hex(),
        spanId=link.span_id.hex(),
        traceState=link.trace_state,
        attributes=attributes_json(link.attributes),
        droppedAttributesCount=link.dropped_attributes_count,
        flags=link.flags,
    )


def _status_json(status: Status) -> _Json:
    return _without_empty(message=status.message, code=status.code)


def _decimal(number: int) -> str:
    return str(number) if number else ""


def _without_empty(**fields: object) -> _Json:
    """Leave out what has its default, as proto3's JSON does; submessages stay, even when they are empty."""
    return {name: value for name, value in fields.items() if value or isinstance(value, dict)}
