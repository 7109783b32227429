"""Trace context in and out of headers."""

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from observability.propagation import extract, inject, links_to
from tests.unit.fakes import SPAN_ID, TRACE_ID, TRACEPARENT

BAD = [
    f"00-{TRACE_ID}-{SPAN_ID}-01-more",
    f"ff-{TRACE_ID}-{SPAN_ID}-01",
    f"00-{'0' * 32}-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
    "",
    b"bytes",
    7,
    None,
]


def test_what_is_injected_is_extracted() -> None:
    """Trace, span, state and baggage; the span that comes out is remote."""
    headers = {"traceparent": TRACEPARENT, "tracestate": "a=b,c=d", "baggage": "customer=gold", "other": "x"}
    context = extract(headers)
    found = trace.get_current_span(context).get_span_context()
    assert (found.trace_id, found.span_id) == (int(TRACE_ID, 16), int(SPAN_ID, 16))
    assert (found.trace_flags, found.is_remote) == (TraceFlags.SAMPLED, True)
    again: dict[str, str] = {}
    inject(again, context)
    assert again == {name: value for name, value in headers.items() if name != "other"}


@pytest.mark.parametrize("traceparent", BAD)
def test_what_is_malformed_is_no_context(traceparent: object) -> None:
    """Whatever a stranger sent; the current span is none either."""
    with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=False))):
        context = extract({"traceparent": traceparent, "tracestate": 7, "baggage": b"a=b"})
    assert not links_to(trace.get_current_span(context))
    assert baggage.get_all(context) == {}


def test_a_trace_state_that_nobody_must_pass_on_is_left_out() -> None:
    """It would be in every span of the trace."""
    state = ",".join(f"k{number}={'x' * 40}" for number in range(12))
    context = extract({"traceparent": TRACEPARENT, "tracestate": state})
    assert trace.get_current_span(context).get_span_context().trace_state == {}


def test_other_propagators_are_honoured() -> None:
    """As soon as they are set (`OTEL_PROPAGATORS`)."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(W3CBaggagePropagator())
    try:
        again: dict[str, str] = {}
        inject(again, extract({"traceparent": TRACEPARENT, "baggage": "a=b"}))
        assert again == {"baggage": "a=b"}
        assert not links_to(trace.get_current_span(extract({"traceparent": TRACEPARENT})))
    finally:
        propagate.set_global_textmap(before)
