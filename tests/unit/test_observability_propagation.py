"""Correlation ids and trace context: taken when they are well formed, and carried along."""

import asyncio
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext

from observability.propagation import (
    accept,
    context_headers,
    correlated,
    correlation_id,
    current_ids,
    extract,
)
from tests.unit.fakes import TRACEPARENT
from tests.unit.recorder import Recorder, span_id, trace_id

WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@pytest.mark.parametrize("traceparent", ["", "garbage", b"bytes", 7, ["list"], None])
def test_what_is_malformed_is_no_context(traceparent: object) -> None:
    """Whatever a stranger sent; the current span is none either."""
    with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=False))):
        context = extract({"traceparent": traceparent, "tracestate": 7, "baggage": b"a=b"})
    assert not trace.get_current_span(context).get_span_context().is_valid
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
        propagate.inject(again, extract({"traceparent": TRACEPARENT, "baggage": "a=b"}))
        assert again == {"baggage": "a=b"}
        assert not trace.get_current_span(extract({"traceparent": TRACEPARENT})).get_span_context().is_valid
    finally:
        propagate.set_global_textmap(before)


@given(st.lists(st.none() | st.text() | st.from_regex(WELL_FORMED, fullmatch=True), max_size=3))
@example(["a\n"])
@example(["a" * 129])
@example(["-a"])
@example(["٣"])
def test_nothing_ill_formed_is_ever_accepted(candidates: list[str | None]) -> None:
    """The first well-formed candidate is taken as it is, and a new id is well formed, too."""
    good = [candidate for candidate in candidates if candidate and WELL_FORMED.fullmatch(candidate)]
    accepted = accept(*candidates)
    assert WELL_FORMED.fullmatch(accepted)
    assert accepted == good[0] if good else accepted not in candidates


async def test_an_id_holds_inside_its_block_and_in_what_was_begun_there() -> None:
    """Tasks inherit it; blocks may be nested; afterwards it is gone."""

    async def seen() -> str | None:
        await asyncio.sleep(0)
        return correlation_id()

    with correlated("outer"):
        task = asyncio.create_task(seen())
        with correlated("inner"):
            assert await seen() == "inner"
        assert correlation_id() == "outer"
    assert correlation_id() is None
    assert await task == "outer"


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
