"""Spans as OTLP/JSON: protobuf's own parser takes them, and they say what the stock encoder says."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TraceState

from observability.export.encoding import spans_request
from observability.lean import LeanSpan, LeanTracerProvider
from tests.unit.otlp_collector import parsed
from tests.unit.otlp_samples import RESOURCE, context, span

UINT64 = st.integers(1, 2**64 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=150)
# JSON has one NaN, where a double has many.
FLOATS = st.floats(allow_nan=False) | st.just(float("nan"))
SCALARS = st.none() | TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | st.binary(max_size=9)
VALUES = st.recursive(SCALARS, lambda each: st.lists(each) | st.dictionaries(TEXT, each), max_leaves=8)
ATTRIBUTES = st.dictionaries(TEXT.filter(bool), VALUES, max_size=6)
KEYS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), max_size=3, unique=True)
STATES = st.builds(lambda keys: TraceState([(key, "x=1") for key in keys]), KEYS)
TRACE_IDS = st.integers(1, 2**128 - 1)
# The stock encoder leaves a link's trace state out.
CONTEXTS = st.builds(context, UINT64, trace_id=TRACE_IDS, remote=st.booleans())
STATUSES = st.builds(Status, st.just(StatusCode.ERROR), TEXT) | st.builds(Status, st.sampled_from(StatusCode))
SCOPES = st.none() | st.builds(InstrumentationScope, TEXT.filter(bool), st.sampled_from([None, "1"]), TEXT)


SPANS = st.builds(
    span,
    name=TEXT,
    own=st.builds(context, UINT64, trace_id=TRACE_IDS, state=STATES),
    parent=st.none() | CONTEXTS,
    kind=st.sampled_from(SpanKind),
    attributes=st.none() | ATTRIBUTES,
    events=st.lists(st.builds(Event, TEXT, ATTRIBUTES, UINT64), max_size=3),
    links=st.lists(st.builds(Link, CONTEXTS, st.none() | ATTRIBUTES), max_size=3),
    status=STATUSES,
    start=UINT64,
    end=UINT64,
    scope=SCOPES,
)


def decoded(*spans: ReadableSpan | LeanSpan) -> ExportTraceServiceRequest:
    """Encode spans, and decode them with protobuf's own library."""
    body, encoded = spans_request(RESOURCE, spans)
    assert encoded == len(spans)
    return parsed(body, ExportTraceServiceRequest())


def decoded_span(one: ReadableSpan | LeanSpan) -> ProtoSpan:
    """Return the only span of a request."""
    found: ProtoSpan = decoded(one).resource_spans[0].scope_spans[0].spans[0]
    return found


@settings(deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=5))
def test_any_batch_is_as_from_the_stock_encoder(spans: list[ReadableSpan]) -> None:
    """Both requests hold the same groups of the same spans, field by field, NaN included."""
    requests = decoded(*spans), encode_spans(spans)
    for resource in (found for request in requests for found in request.resource_spans):
        resource.resource.SetInParent()
        for scope in resource.scope_spans:
            scope.scope.SetInParent()
            for one in scope.spans:
                one.status.SetInParent()
    ours, stock = (request.SerializeToString(deterministic=True) for request in requests)
    assert ours == stock, requests


def test_a_links_trace_state_is_kept() -> None:
    """The stock encoder drops it, though OTLP has a field for it."""
    link = Link(context(6, state=TraceState([("vendor", "a:b"), ("other", "1")])))
    assert decoded_span(span(links=[link])).links[0].trace_state == "vendor=a:b,other=1"


@settings(deadline=None)
@given(st.text(), st.integers())
def test_no_text_or_number_loses_a_span(text: str, value: int) -> None:
    """A lone surrogate becomes a question mark, an integer beyond 64 bits a text."""
    found = decoded_span(span(name=text, attributes={"text": text, "value": value}))
    assert found.name == text.encode("utf-8", "replace").decode()
    assert len(found.attributes) == 2


def test_a_span_that_cannot_be_encoded_costs_no_other() -> None:
    """It is left out, and the number tells so."""
    broken = span(attributes={"x": 1})
    broken.get_span_context = lambda: None  # type: ignore[method-assign]  # as if it had never begun
    body, encoded = spans_request(RESOURCE, [span(name="a"), broken, span(name="b")])
    [group] = parsed(body, ExportTraceServiceRequest()).resource_spans
    assert [one.name for one in group.scope_spans[0].spans] == ["a", "b"]
    assert encoded == 2


def test_a_lean_span_is_encoded_like_the_sdks() -> None:
    """As it has the same parts under the same names."""
    ended: list[LeanSpan] = []
    tracer = LeanTracerProvider(ended.append).get_tracer("orders", "1.0", "https://schema")
    links = [Link(context(5, remote=True), {"why": "retry"})]
    attributes: dict[str, Any] = {"a": 1, "b": [1, 2]}
    lean = tracer.start_span("s", kind=SpanKind.CLIENT, attributes=attributes, links=links, start_time=7)
    lean.add_event("exception", {"e": 1.5}, timestamp=8)
    lean.set_status(status := Status(StatusCode.ERROR, "declined"))
    lean.end(end_time=9)
    parts: dict[str, Any] = {
        "attributes": attributes,
        "links": links,
        "events": [Event("exception", {"e": 1.5}, 8)],
    }
    parts |= {"own": lean.get_span_context(), "kind": SpanKind.CLIENT, "status": status, "start": 7, "end": 9}
    assert decoded(*ended) == decoded(span(name="s", **parts))
