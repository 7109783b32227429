"""The short cut beside OpenTelemetry's propagators: the same context in, the same headers out."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from observability.propagation import extract, inject
from tests.unit.fakes import SPAN_ID, TRACE_ID, TRACEPARENT

HEADERS: list[Mapping[str, str]] = [
    {},
    {"traceparent": TRACEPARENT},
    {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00"},
    {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-03", "other": "x"},
    {"traceparent": f"01-{TRACE_ID}-{SPAN_ID}-01-more"},
    {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01-more"},
    {"traceparent": f"ff-{TRACE_ID}-{SPAN_ID}-01"},
    {"traceparent": f"00-{'0' * 32}-{SPAN_ID}-01"},
    {"traceparent": f"00-{TRACE_ID}-{'0' * 16}-01"},
    {"traceparent": f" 00-{TRACE_ID}-{SPAN_ID}-01 "},
    {"traceparent": f"00-{TRACE_ID.upper()}-{SPAN_ID}-01"},
    {"traceparent": ""},
    {"traceparent": TRACEPARENT, "tracestate": "a=b,c=d"},
    {"traceparent": TRACEPARENT, "baggage": "customer=gold"},
    {"baggage": "customer=gold"},
]


def told(context: Context) -> tuple[SpanContext, Mapping[str, object]]:
    """Return what a context carries."""
    return trace.get_current_span(context).get_span_context(), dict(baggage.get_all(context))


@pytest.mark.parametrize("headers", HEADERS)
def test_headers_are_read_as_the_propagators_read_them(headers: Mapping[str, str]) -> None:
    """Well formed or not, with a state, with baggage, or with nothing at all."""
    theirs = propagate.extract(headers, context=Context())
    assert told(extract(headers)) == told(theirs)
    assert trace.get_current_span(extract(headers)).get_span_context().is_remote == bool(
        trace.get_current_span(theirs).get_span_context().is_valid
    )


@given(
    st.text("0123456789abcdefABCDEF-gz ", max_size=60) | st.from_regex(r"0[01]-[0a]{32}-[0b]{16}-[0-9a-f]{2}")
)
def test_any_header_is_read_alike(header: str) -> None:
    """What a stranger sends makes no difference."""
    headers = {"traceparent": header}
    assert told(extract(headers)) == told(propagate.extract(headers, context=Context()))


STATE = TraceState([("a", "b")])


@pytest.mark.parametrize(
    "span",
    [
        SpanContext(int(TRACE_ID, 16), int(SPAN_ID, 16), is_remote=False, trace_flags=TraceFlags(3)),
        SpanContext(5, 6, is_remote=True),
        SpanContext(5, 6, is_remote=False, trace_state=STATE),
        trace.INVALID_SPAN_CONTEXT,
    ],
)
@pytest.mark.parametrize("value", [None, "gold"])
def test_headers_are_written_as_the_propagators_write_them(span: SpanContext, value: str | None) -> None:
    """Sampled or not, with a state, with baggage, and with no span."""
    context = trace.set_span_in_context(NonRecordingSpan(span), Context())
    if value:
        context = baggage.set_baggage("customer", value, context)
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    inject(ours, context)
    propagate.inject(theirs, context)
    assert ours == theirs


class Shouting(TextMapPropagator):
    """Writes a header of its own."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """Carry what the header says as baggage."""
        return baggage.set_baggage("said", str((getter.get(carrier, "x-shout") or [""])[0]), context)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,  # noqa: ARG002 - the API's signature
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the header."""
        setter.set(carrier, "x-shout", "HEY")

    @property
    def fields(self) -> set[str]:
        """Return its name."""
        return {"x-shout"}


def test_other_propagators_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as they are set, and no longer than that."""
    with monkeypatch.context() as patch:
        patch.setattr(propagate, "_HTTP_TEXT_FORMAT", Shouting())
        headers: dict[str, str] = {}
        inject(headers)
        assert headers == {"x-shout": "HEY"}
        assert baggage.get_baggage("said", extract({"x-shout": "HO", "traceparent": TRACEPARENT})) == "HO"
    assert trace.get_current_span(extract({"traceparent": TRACEPARENT})).get_span_context().is_valid
