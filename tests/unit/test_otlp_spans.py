"""Each field of a span, decoded with protobuf's own library."""

import struct

import pytest
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TraceState

from observability.otlp.span_exporter import encode, encode_leniently
from tests.unit.otlp_samples import START, assert_as_stock, bounded, context, decoded_span, span

STATE = TraceState([("vendor", "a:b"), ("other", "1")])


def test_identity_is_big_endian_and_of_full_length() -> None:
    """Identifiers keep their leading zeros, the parent's is set, and the trace state is W3C's."""
    own = context(0x01, trace_id=0x02, state=STATE)
    found = decoded_span(span(own=own, parent=context(0x03, trace_id=0x02)))
    assert found.trace_id == bytes(15) + b"\x02"
    assert found.span_id == bytes(7) + b"\x01"
    assert found.parent_span_id == bytes(7) + b"\x03"
    assert found.trace_state == "vendor=a:b,other=1"


@pytest.mark.parametrize(("remote", "flags"), [(False, 0x100), (True, 0x300)])
def test_flags_say_whether_the_parent_is_remote(*, remote: bool, flags: int) -> None:
    """That it is known is one bit, that it is so another, for parents and for links."""
    origin = context(0x05, remote=remote)
    found = decoded_span(span(parent=origin, links=[Link(origin)]))
    assert found.flags == flags
    assert found.links[0].flags == flags


def test_root_span_has_no_parent() -> None:
    """Without a parent the field is empty, and the flags say "known, and not remote"."""
    found = decoded_span(span())
    assert found.parent_span_id == b""
    assert found.flags == 0x100


@pytest.mark.parametrize("kind", list(SpanKind))
def test_kinds_are_numbered_from_one(kind: SpanKind) -> None:
    """OTLP keeps 0 for "unspecified"."""
    assert decoded_span(span(kind=kind)).kind == kind.value + 1


@pytest.mark.parametrize(("start", "end"), [(START, START + 1), (1, 2**64 - 1), (None, None)])
def test_times_are_unsigned_nanoseconds(start: int | None, end: int | None) -> None:
    """The whole 64 bits are kept; a time that is missing is zero."""
    found = decoded_span(span(start=start, end=end))
    assert found.start_time_unix_nano == (start or 0)
    assert found.end_time_unix_nano == (end or 0)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (Status(), 0, ""),
        (Status(StatusCode.OK), 1, ""),
        (Status(StatusCode.ERROR), 2, ""),
        (Status(StatusCode.ERROR, "declined: naïve"), 2, "declined: naïve"),
    ],
)
def test_status_has_code_and_message(status: Status, code: int, message: str) -> None:
    """The message comes with errors only, and an unset status is there too."""
    found = decoded_span(span(status=status))
    assert found.HasField("status")
    assert found.status.code == code
    assert found.status.message == message


def test_events_carry_time_name_attributes_and_what_was_dropped() -> None:
    """Events keep their order and all of their fields."""
    events = [Event("first", None, START), Event("second", bounded({"attempt": 2}, dropped=300), START + 5)]
    found = decoded_span(span(events=events)).events
    assert [(event.time_unix_nano, event.name) for event in found] == [
        (START, "first"),
        (START + 5, "second"),
    ]
    assert found[1].attributes[0].key == "attempt"
    assert found[1].attributes[0].value.int_value == 2
    assert [event.dropped_attributes_count for event in found] == [0, 300]


def test_links_carry_identity_state_attributes_and_what_was_dropped() -> None:
    """Unlike the SDK's own encoder, links also keep the trace state, which OTLP has a field for."""
    link = Link(context(0x06, trace_id=0x07, state=STATE), bounded({"reason": "retry"}, dropped=1))
    (found,) = decoded_span(span(links=[link])).links
    assert found.trace_id == bytes(15) + b"\x07"
    assert found.span_id == bytes(7) + b"\x06"
    assert found.trace_state == "vendor=a:b,other=1"
    assert found.attributes[0].value.string_value == "retry"
    assert found.dropped_attributes_count == 1


def test_dropped_counts_are_told() -> None:
    """What a span's limits cost stands in the span."""
    events: BoundedList[Event] = BoundedList.from_seq(1, [Event("a", None, 1), Event("b", None, 2)])
    links: BoundedList[Link] = BoundedList.from_seq(1, [Link(context(n)) for n in (1, 2, 3)])
    one = span(dropped_attributes=200, events=events, links=links)
    found = decoded_span(one)
    assert found.dropped_attributes_count == 200
    assert (found.dropped_events_count, len(found.events)) == (1, 1)
    assert (found.dropped_links_count, len(found.links)) == (2, 1)
    assert_as_stock(one)


def test_long_spans_have_long_lengths() -> None:
    """Lengths of more than one byte are varints, on every level of nesting."""
    long = "x" * 20_000
    events = [Event(long, {"long": [long, {"deep": long}]}, START)]
    status = Status(StatusCode.ERROR, long)
    assert_as_stock(span(name=long, attributes={long: long, "edge": "y" * 126}, events=events, status=status))


def test_full_span_is_the_same_as_from_the_stock_encoder_byte_for_byte() -> None:
    """Fields come in the order of their numbers, so that requests can be compared as bytes."""
    one = span(
        own=context(0x08, state=STATE),
        parent=context(0x09, remote=True),
        attributes={"order.id": "1", "items": (1, 2), "paid": True},
        events=[Event("exception", bounded({"exception.type": "ValueError"}), START)],
        links=[Link(context(0x0A), bounded({"n": 1}))],
        status=Status(StatusCode.ERROR, "declined"),
    )
    assert_as_stock(one)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (span(start=-1), struct.error),
        (span(end=2**64), struct.error),
        (span(own=context(2**64)), OverflowError),
    ],
)
def test_what_otlp_cannot_carry_is_refused(bad: object, error: type[Exception]) -> None:
    """Times and identifiers that do not fit their fields raise."""
    with pytest.raises(error):
        encode([bad])  # type: ignore[list-item]  # parametrized as object to keep the ids short


def test_span_without_context_is_refused() -> None:
    """A span that was never started has no identity to export."""
    one = span()
    one._context = None  # noqa: SLF001  # no public way to make one
    with pytest.raises(ValueError, match="no context"):
        encode([one])


def test_one_bad_span_costs_no_other() -> None:
    """The batch is encoded without it, and the number and the problem are told."""
    good = span()
    request = encode_leniently([good, span(start=-1), good])
    assert request.payload == encode([good, good])
    assert request.items == 2
    assert "out of range" in request.problem
