"""Splitting an encoded protobuf message into its fields without building it.

An empty submessage is 2 bytes on the wire and up to 180 in memory, so that 16 MiB could become 1.4 GB.
What comes from the network is therefore split and counted first, and then built span by span.
The format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

_VARINT, _LENGTH_DELIMITED = 0, 2
# Wire type -> length in bytes.
_FIXED_LENGTHS = {1: 8, 5: 4}
_MAX_VARINT_BYTES = 10
_CONTINUES = 0x80


class WireError(ValueError):
    """The bytes are not a protobuf message."""


def submessages(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the content of each length-delimited field; skip the other fields.

    Raises:
        WireError: the bytes do not follow the wire format (while iterating).
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        start, position = _extent(message, position, wire_type)
        if number == 0 or position > len(message):
            raise WireError("a field number of 0 or a truncated field")
        if wire_type == _LENGTH_DELIMITED:
            yield number, message[start:position]


def _extent(message: bytes, position: int, wire_type: int) -> tuple[int, int]:
    """Return where the content of a field starts and ends."""
    if wire_type == _LENGTH_DELIMITED:
        length, start = _varint(message, position)
        return start, start + length
    if wire_type == _VARINT:
        return position, _varint(message, position)[1]
    if wire_type in _FIXED_LENGTHS:
        return position, position + _FIXED_LENGTHS[wire_type]
    raise WireError(f"wire type {wire_type}")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Decode the varint at a position; return it and the position after it."""
    value = shift = 0
    for byte in message[position : position + _MAX_VARINT_BYTES]:
        position += 1
        value |= (byte & ~_CONTINUES) << shift
        if byte < _CONTINUES:
            return value, position
        shift += 7
    raise WireError("a truncated or overlong varint")
