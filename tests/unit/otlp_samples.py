"""Spans made by hand, and what the SDK's own encoder makes of them."""

from collections.abc import Sequence

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue as ProtoValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, TraceFlags, TraceState
from opentelemetry.util.types import AnyValue

from observability.otlp.span_exporter import encode

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331
START = 1_700_000_000_123_456_789
RESOURCE = Resource({"service.name": "api"})
SCOPE = InstrumentationScope("orders", "1.0")


def context(
    span_id: int = SPAN_ID,
    *,
    trace_id: int = TRACE_ID,
    remote: bool = False,
    state: TraceState | None = None,
) -> SpanContext:
    """Return a sampled span context."""
    return SpanContext(trace_id, span_id, remote, TraceFlags(TraceFlags.SAMPLED), state)


def span(  # noqa: PLR0913  # one keyword for each part of a span
    *,
    name: str = "POST /v1/orders",
    own: SpanContext | None = None,
    parent: SpanContext | None = None,
    kind: SpanKind = SpanKind.SERVER,
    attributes: dict[str, AnyValue] | None = None,
    dropped_attributes: int = 0,
    events: Sequence[Event] = (),
    links: Sequence[Link] = (),
    status: Status | None = None,
    start: int | None = START,
    end: int | None = START + 1_500,
    resource: Resource = RESOURCE,
    scope: InstrumentationScope | None = SCOPE,
) -> ReadableSpan:
    """Return a finished span, with attributes in the SDK's own container."""
    return ReadableSpan(
        name=name,
        context=own or context(),
        parent=parent,
        kind=kind,
        attributes=bounded(attributes, dropped_attributes),
        events=events,
        links=links,
        status=status or Status(),
        start_time=start,
        end_time=end,
        resource=resource,
        instrumentation_scope=scope,
    )


def bounded(attributes: dict[str, AnyValue] | None, dropped: int = 0) -> BoundedAttributes:
    """Return the attributes as the SDK keeps them, with a number of dropped ones."""
    kept = BoundedAttributes(attributes=attributes)
    kept.dropped = dropped
    return kept


def decoded(*spans: ReadableSpan) -> ExportTraceServiceRequest:
    """Encode the spans by hand, and decode them with protobuf's own library."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(encode(spans))
    return request


def decoded_span(one: ReadableSpan) -> ProtoSpan:
    """Return the only span of a request, decoded."""
    found: ProtoSpan = decoded(one).resource_spans[0].scope_spans[0].spans[0]
    return found


def decoded_value(value: AnyValue) -> ProtoValue:
    """Return what became of the only attribute of a span; the SDK's container does not touch the value."""
    one = span()
    one._attributes = {"key": value}  # noqa: SLF001  # past the container, which would clean it
    found: ProtoValue = decoded_span(one).attributes[0].value
    return found


def assert_as_stock(*spans: ReadableSpan) -> None:
    """Assert that both encoders say the same, NaN included, of spans whose links have no trace state."""
    ours, stock = decoded(*spans), encode_spans(spans)
    assert ours.SerializeToString(deterministic=True) == stock.SerializeToString(deterministic=True), (
        f"\n--- by hand\n{ours}\n--- SDK\n{stock}"
    )
