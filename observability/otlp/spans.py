"""A finished span of the SDK as OTLP's `Span`.

Messages: `trace.proto` of https://github.com/open-telemetry/opentelemetry-proto. Fields are written in the
order of their numbers, and what has proto3's default is left out, as by protobuf's own encoder.
"""

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status

from observability.fixed import Extended, FixedAttributes
from observability.otlp.values import attributes
from observability.otlp.wire import DELIMITED, FIXED32, FIXED64, VARINT, count, delimited, string, tag

if TYPE_CHECKING:
    from observability.lean.span import LeanSpan

# Of `Span`, and the first three of `Span.Link` too. Identifiers have a fixed length, which follows their tag.
_TRACE_ID = tag(1, DELIMITED) + bytes((16,))
_SPAN_ID = tag(2, DELIMITED) + bytes((8,))
_TRACE_STATE = tag(3, DELIMITED)
_PARENT_SPAN_ID = tag(4, DELIMITED) + bytes((8,))
_NAME = tag(5, DELIMITED)
_KIND = tag(6, VARINT)
_START, _END = tag(7, FIXED64), tag(8, FIXED64)
_ATTRIBUTES, _DROPPED_ATTRIBUTES = tag(9, DELIMITED), tag(10, VARINT)
_EVENTS, _DROPPED_EVENTS = tag(11, DELIMITED), tag(12, VARINT)
_LINKS, _DROPPED_LINKS = tag(13, DELIMITED), tag(14, VARINT)
_STATUS = tag(15, DELIMITED)
_FLAGS = tag(16, FIXED32)

_EVENT_TIME, _EVENT_NAME = tag(1, FIXED64), tag(2, DELIMITED)
_EVENT_ATTRIBUTES, _EVENT_DROPPED_ATTRIBUTES = tag(3, DELIMITED), tag(4, VARINT)

_LINK_ATTRIBUTES, _LINK_DROPPED_ATTRIBUTES = tag(4, DELIMITED), tag(5, VARINT)
_LINK_FLAGS = tag(6, FIXED32)

_STATUS_MESSAGE, _STATUS_CODE = tag(2, DELIMITED), tag(3, VARINT)
_UNSET = delimited(_STATUS, b"")  # written, as the SDK's own encoder does, with nothing in it

# OTLP's span kinds begin at 1, because 0 is "unspecified"; the API's begin at 0.
_KINDS = {kind: _KIND + bytes((kind.value + 1,)) for kind in SpanKind}

# `SpanFlags`: 0x100 says that it is known whether the context came from another process, 0x200 that it did.
# The bits of W3C's trace flags stay zero, as in the SDK's own encoder.
_LOCAL = (0x100).to_bytes(4, "little")
_REMOTE = (0x300).to_bytes(4, "little")

_WHOLE = frozenset((dict, FixedAttributes, Extended))

_start_and_end = Struct("<cQcQ").pack
_event_time = Struct("<cQ").pack

# Span names are few by convention; the bound is for programs that put identifiers into them.
_name = lru_cache(maxsize=1024)(string)


def encode_span(span: "ReadableSpan | LeanSpan") -> bytes:
    """Return the content of a `Span` message.

    Raises:
        ValueError: The span has no context.
        OverflowError: An identifier does not fit its field.
        struct.error: A time is no unsigned 64-bit number of nanoseconds.
    """
    context, parent = span.get_span_context(), span.parent
    if context is None:
        raise ValueError(f"span {span.name!r} has no context")
    return b"".join(
        (
            _identity(context),
            _PARENT_SPAN_ID + parent.span_id.to_bytes(8, "big") if parent else b"",
            _name(_NAME, span.name),
            _KINDS[span.kind],
            _start_and_end(_START, span.start_time or 0, _END, span.end_time or 0),
            attributes(_ATTRIBUTES, span.attributes),
            # These have dropped nothing: see `observability.lean.attributes`.
            b"" if type(span.attributes) in _WHOLE and not (span.events or span.links) else _lists(span),
            _UNSET if span.status.is_unset else delimited(_STATUS, _status(span.status)),
            _FLAGS + (_REMOTE if parent and parent.is_remote else _LOCAL),
        )
    )


def _lists(span: "ReadableSpan | LeanSpan") -> bytes:
    return b"".join(
        (
            count(_DROPPED_ATTRIBUTES, span.dropped_attributes),
            b"".join([delimited(_EVENTS, _event(event)) for event in span.events]),
            count(_DROPPED_EVENTS, span.dropped_events),
            b"".join([delimited(_LINKS, _link(link)) for link in span.links]),
            count(_DROPPED_LINKS, span.dropped_links),
        )
    )


def _identity(context: SpanContext) -> bytes:
    trace_id, span_id = context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")
    identifiers = _TRACE_ID + trace_id + _SPAN_ID + span_id
    state = context.trace_state
    return identifiers + string(_TRACE_STATE, state.to_header()) if state else identifiers


def _event(event: Event) -> bytes:
    return (
        _event_time(_EVENT_TIME, event.timestamp)
        + string(_EVENT_NAME, event.name)
        + attributes(_EVENT_ATTRIBUTES, event.attributes)
        + count(_EVENT_DROPPED_ATTRIBUTES, event.dropped_attributes)
    )


def _link(link: Link) -> bytes:
    return (
        _identity(link.context)
        + attributes(_LINK_ATTRIBUTES, link.attributes)
        + count(_LINK_DROPPED_ATTRIBUTES, link.dropped_attributes)
        + _LINK_FLAGS
        + (_REMOTE if link.context.is_remote else _LOCAL)
    )


def _status(status: Status) -> bytes:
    return string(_STATUS_MESSAGE, status.description) + count(_STATUS_CODE, status.status_code.value)
