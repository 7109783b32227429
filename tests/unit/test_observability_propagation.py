"""Correlation ids and trace context: taken when they are well formed, and carried along."""

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext

from observability.propagation import accept, context_headers, correlated, current_ids, extract
from tests.unit.fakes import TRACEPARENT
from tests.unit.recorder import Recorder, span_id, trace_id


@pytest.mark.parametrize("traceparent", ["", "garbage", b"bytes", 7, ["list"], None])
def test_what_is_malformed_is_no_context(traceparent: object) -> None:
    """Whatever a stranger sent; the current span is none either."""
    with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=False))):
        context = extract({"traceparent": traceparent, "tracestate": 7, "baggage": b"a=b"})
    assert not trace.get_current_span(context).get_span_context().is_valid
    assert baggage.get_all(context) == {}


def test_other_propagators_are_honoured() -> None:
    """As soon as they are set (`OTEL_PROPAGATORS`)."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(W3CBaggagePropagator())
    try:
        again: dict[str, str] = {}
        propagate.inject(again, extract({"traceparent": TRACEPARENT, "baggage": "a=b"}))
        assert again == {"baggage": "a=b"}
        assert not trace.get_current_span(extract({"traceparent": TRACEPARENT})).get_span_context().is_valid
    finally:
        propagate.set_global_textmap(before)


@pytest.mark.usefixtures("provider")
def test_work_takes_its_context_along() -> None:
    """What goes into an outbox: the correlation id and the W3C trace context."""
    recorder = Recorder()
    with correlated("checkout-42"), recorder.within():
        headers, ids = context_headers(), current_ids()
    span = recorder.span()
    assert headers["correlation_id"] == "checkout-42"
    assert headers["traceparent"].startswith(f"00-{trace_id(span)}-{span_id(span)}-")
    found = {"trace_id": trace_id(span), "span_id": span_id(span), "trace_flags": "03"}
    assert ids == {"correlation_id": "checkout-42", **found}


@pytest.mark.parametrize("ill_formed", [None, "", "a\n", "a" * 129, "-a", "٣", "two words", 'a"b', "<a>"])
def test_nothing_ill_formed_is_ever_accepted(ill_formed: str | None) -> None:
    """The first well-formed candidate is taken as it is; else an id is made, another one each time."""
    assert accept(ill_formed, "a.B_c:1-", "other") == "a.B_c:1-"
    first, second = accept(ill_formed), accept(ill_formed)
    assert len({ill_formed, first, second}) == 3
    assert accept(first) == first
