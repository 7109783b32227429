"""What is read out of a server's answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from observability.otlp.response import PartialSuccess, partial_success, status_message

FIXED_FIELDS = b"\x19" + bytes(8) + b"\x25" + bytes(4)  # numbers 3 and 4, unknown, of 8 and 4 bytes


@given(st.integers(0, 2**63 - 1), st.text(st.characters(codec="utf-8")))
def test_partial_success_is_as_protobuf_writes_it(rejected: int, message: str) -> None:
    """The number and the message come out as they went in."""
    success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    body = ExportTraceServiceResponse(partial_success=success).SerializeToString()
    assert partial_success(body) == PartialSuccess(rejected, message)
    assert partial_success(FIXED_FIELDS + body) == PartialSuccess(rejected, message)
    of_logs = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    assert ExportLogsServiceResponse(partial_success=of_logs).SerializeToString() == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x0a\x00",  # an empty partial success
        b"\x0a\x05\x08",  # cut off within a message
        b"\x08\xff",  # cut off within a varint
        b"\x08" + b"\xff" * 11,  # a varint that never ends
        b"\x0b",  # a wire type that proto3 has not
        b"\x08\x01",  # a number where the message should be
        b"\x0a\x02\x0a\x00",  # text where the number should be
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a length beyond all memory
        b"<html>",
    ],
)
def test_what_cannot_be_read_is_plain_success(body: bytes) -> None:
    """The status said success already."""
    assert partial_success(body) == PartialSuccess()


@given(st.binary())
def test_any_body_is_survived(body: bytes) -> None:
    """Nothing that a server answers raises."""
    partial_success(body)
    status_message(body)


def test_status_message_is_the_text_of_field_two() -> None:
    """`google.rpc.Status` has a code, a message and details."""
    assert status_message(b"\x08\x03\x12\x04oops\x1a\x01x") == "oops"
    assert status_message(b"\x12\x02\xff\xfe") == "\ufffd\ufffd"
    assert status_message(b"not protobuf") == ""
