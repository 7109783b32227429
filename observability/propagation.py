"""Trace context in and out of headers: OpenTelemetry's propagators, and a short cut for nearly all of it.

A `traceparent` alone, in its usual form, is read and written here at a third of the cost. Anything else
(baggage, a `tracestate`, other formats, other propagators) goes the usual way.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from observability.at_hand import baggage_entries, span_context, traceparent

_STANDARD_FIELDS = {"traceparent", "tracestate", "baggage"}
MAX_TRACESTATE = 512
"""Characters that everybody must be able to pass on; it is in every span, so a longer one is left out.

https://www.w3.org/TR/trace-context/#tracestate-limits
"""
_EMPTY = Context()
_FLAGS = [TraceFlags(number) for number in range(256)]
# https://www.w3.org/TR/trace-context/#traceparent-header-field-values: version 00, no all-zero ids
_PLAIN = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


class _Known:
    """The propagator that was last asked which fields it uses."""

    propagator: object = None
    standard = False


def extract(headers: Mapping[str, object]) -> Context:
    """Return the context that a message's or a request's headers carry, and nothing else.

    Only text is looked at, whatever else a stranger put there.
    """
    if "baggage" in headers or "tracestate" in headers or not _standard():
        return _extract(headers)
    header = headers.get("traceparent")
    if header is None:
        return _EMPTY
    found = _PLAIN.fullmatch(header) if isinstance(header, str) else None
    if found is None:
        return _extract(headers)
    trace_id, span_id, flags = found.groups()
    remote = SpanContext(int(trace_id, 16), int(span_id, 16), True, _FLAGS[int(flags, 16)])  # noqa: FBT003 - remote
    return trace.set_span_in_context(NonRecordingSpan(remote), _EMPTY)


def _extract(headers: Mapping[str, object]) -> Context:
    carrier = {name: value for name, value in headers.items() if isinstance(value, str)}
    if len(carrier.get("tracestate", "")) > MAX_TRACESTATE:
        del carrier["tracestate"]
    return propagate.extract(carrier, context=Context())


def inject(headers: MutableMapping[str, Any], context: Context | None = None) -> None:
    """Add the context, by default the current one, to headers."""
    span = span_context(context)
    if span.trace_state or not _standard() or baggage_entries(context):
        propagate.inject(headers, context)
    elif span.is_valid:
        headers["traceparent"] = traceparent(span)


def _standard() -> bool:
    """Whether W3C's formats are used, which is the default (`OTEL_PROPAGATORS`)."""
    propagator = propagate.get_global_textmap()
    if propagator is not _Known.propagator:
        _Known.propagator, _Known.standard = propagator, propagator.fields == _STANDARD_FIELDS
    return _Known.standard
