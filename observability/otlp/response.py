"""What an OTLP server says in the body of its answer.

Messages: `ExportTraceServiceResponse` of `trace_service.proto` and `ExportLogsServiceResponse` of
`logs_service.proto`, which are alike but for names, and for failures `google.rpc.Status`
(https://opentelemetry.io/docs/specs/otlp/#otlphttp-response).
"""

import io
from dataclasses import dataclass

_VARINT, _DELIMITED = 0, 2
_FIXED_SIZES = {1: 8, 5: 4}  # bytes by wire type
_MORE = 0x80  # set in every byte of a varint but its last


@dataclass(frozen=True, slots=True)
class PartialSuccess:
    """How many items the server rejected, and its explanation or, when it rejected none, its warning."""

    rejected: int = 0
    message: str = ""


def partial_success(body: bytes) -> PartialSuccess:
    """Return what an `Export…ServiceResponse` says beyond success.

    An unreadable body counts as plain success: the status said so, and sending again would duplicate all.
    """
    try:
        inner = _fields(body).get(1)
        content = _fields(inner) if isinstance(inner, bytes) else {}
    except ValueError:
        return PartialSuccess()
    rejected = content.get(1)
    return PartialSuccess(rejected if isinstance(rejected, int) else 0, _text(content.get(2)))


def status_message(body: bytes) -> str:
    """Return the explanation in a failure's `Status`, or an empty string when there is none."""
    try:
        return _text(_fields(body).get(2))
    except ValueError:
        return ""


def _text(value: int | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _fields(message: bytes) -> dict[int, int | bytes]:
    """Return the content of each field by number; ValueError when the message is cut off or not protobuf."""
    stream = io.BytesIO(message)
    found: dict[int, int | bytes] = {}
    while stream.tell() < len(message):
        number, wire_type = divmod(_varint(stream), 8)
        if wire_type == _VARINT:
            found[number] = _varint(stream)
        elif wire_type == _DELIMITED:
            found[number] = _take(stream, _varint(stream))
        elif wire_type in _FIXED_SIZES:
            found[number] = _take(stream, _FIXED_SIZES[wire_type])
        else:
            raise ValueError(f"field {number} has wire type {wire_type}")
    return found


def _varint(stream: io.BytesIO) -> int:
    number = 0
    for shift in range(0, 70, 7):
        byte = _take(stream, 1)[0]
        number |= (byte % _MORE) << shift
        if byte < _MORE:
            return number
    raise ValueError("a varint has more than 10 bytes")


def _take(stream: io.BytesIO, size: int) -> bytes:
    available = len(stream.getbuffer()) - stream.tell()
    if size > available:
        raise ValueError(f"{size} bytes announced, {available} left")
    return stream.read(size)
