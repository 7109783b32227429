"""Splitting protobuf messages by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.wire import WireError, submessages
from tests.unit.trace_samples import make_span, trace_id


def test_length_delimited_fields_come_with_their_numbers() -> None:
    """Numbers, fixed fields and all, only the length-delimited fields of a real message are given out."""
    encoded = make_span(7, "named", attributes={"a": 1}).SerializeToString()
    fields = dict(submessages(encoded))
    names = {field.number: field.name for field in Span.DESCRIPTOR.fields}
    assert {names[number] for number in fields} == {"trace_id", "span_id", "name", "attributes", "status"}
    assert fields[1] == trace_id(7)
    assert fields[5] == b"named"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x0a\x05abc", id="truncated content"),
        pytest.param(b"\x0a", id="no length"),
        pytest.param(b"\x09\x00\x00", id="truncated fixed64"),
        pytest.param(b"\x08\xff", id="truncated varint"),
        pytest.param(b"\x08" + b"\xff" * 10 + b"\x01", id="overlong varint"),
        pytest.param(b"\x02\x00", id="field number 0"),
        pytest.param(b"\x0b\x0c", id="group"),
        pytest.param(b"garbage", id="text"),
    ],
)
def test_what_breaks_the_wire_format_is_refused(message: bytes) -> None:
    """No broken message passes for a shorter one."""
    with pytest.raises(WireError):
        list(submessages(message))


@given(st.binary(max_size=200))
def test_any_bytes_split_or_are_refused(message: bytes) -> None:
    """Nothing but a WireError is raised, and nothing is given out that was not there."""
    try:
        fields = list(submessages(message))
    except WireError:
        return
    assert sum(len(content) for _, content in fields) <= len(message)
    assert all(content in message for _, content in fields)
