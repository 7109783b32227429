"""The protobuf wire format, as far as OTLP needs it.

Encoding: https://protobuf.dev/programming-guides/encoding/. Tags are computed once, at import; the functions
take them as bytes.
"""

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # wire types

_MORE = 0x80  # set in every byte of a varint but its last

# The varints of the numbers that fit one byte: nearly all lengths.
SINGLE_BYTES = tuple(bytes((number,)) for number in range(_MORE))


def varint(number: int) -> bytes:
    """Return a non-negative number in base 128, least significant group first."""
    if number < _MORE:
        return SINGLE_BYTES[number]
    encoded = bytearray()
    while number >= _MORE:
        encoded.append(number % _MORE | _MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def tag(number: int, wire_type: int) -> bytes:
    """Return what a field begins with: its number and wire type."""
    return varint(number << 3 | wire_type)


def delimited(field_tag: bytes, payload: bytes) -> bytes:
    """Return a length-delimited field: a string, bytes or an embedded message."""
    length = len(payload)
    return field_tag + (SINGLE_BYTES[length] if length < _MORE else varint(length)) + payload


def utf8(text: str) -> bytes:
    """Return the text in UTF-8, as proto3 demands of strings, with U+FFFD for what has no encoding.

    A lone surrogate (left by `surrogateescape`, or by cut JSON) must cost one character, not the whole batch.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def string(field_tag: bytes, text: str | None) -> bytes:
    """Return a string field, or nothing when the text is empty, which is proto3's default."""
    return delimited(field_tag, utf8(text)) if text else b""


def count(field_tag: bytes, number: int) -> bytes:
    """Return an unsigned varint field, or nothing for zero, which is proto3's default."""
    return field_tag + varint(number) if number else b""
