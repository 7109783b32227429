"""Attributes as OTLP's `KeyValue` and `AnyValue`.

Messages: `common.proto` of https://github.com/open-telemetry/opentelemetry-proto. Which value becomes which
field: https://opentelemetry.io/docs/specs/otel/common/attribute-type-mapping/.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from opentelemetry.util.types import AnyValue, Attributes

from observability.fixed import Extended, FixedAttributes
from observability.otlp.wire import DELIMITED, FIXED64, SINGLE_BYTES, VARINT, delimited, tag, utf8, varint

# Of `KeyValue`.
_KEY, _VALUE = tag(1, DELIMITED), tag(2, DELIMITED)
# Of `AnyValue`, a union: what is set is written, even when it is zero or empty.
_STRING, _BOOLEAN, _INTEGER, _DOUBLE = tag(1, DELIMITED), tag(2, VARINT), tag(3, VARINT), tag(4, FIXED64)
_ARRAY, _MAP, _BYTES = tag(5, DELIMITED), tag(6, DELIMITED), tag(7, DELIMITED)
# Of `ArrayValue` and `KeyValueList`.
_ITEM = tag(1, DELIMITED)

_SHORT = 31  # characters: shorter than an identifier in hex
_UINT64_MASK = 2**64 - 1
_DECIMAL_BITS = 4096  # well below the size from which str() refuses to convert an integer
_double = Struct("<cd").pack


def attributes(field_tag: bytes, mapping: Attributes) -> bytes:
    """Return one `KeyValue` field with this tag for each attribute."""
    if not mapping:
        return b""
    if type(mapping) is FixedAttributes:
        return _fixed(field_tag, mapping)
    if type(mapping) is Extended:
        parts = [_fixed(field_tag, part) for part in mapping.fixed]
        return b"".join([*parts, _key_values(field_tag, mapping.own)])
    return _key_values(field_tag, mapping)


def _fixed(field_tag: bytes, mapping: FixedAttributes) -> bytes:
    if not mapping.plain:
        return _key_values(field_tag, mapping)
    if field_tag not in mapping.encoded:
        mapping.encoded[field_tag] = _key_values(field_tag, mapping)
    return mapping.encoded[field_tag]


def _key_values(field_tag: bytes, mapping: Mapping[str, AnyValue]) -> bytes:
    parts: list[bytes] = []
    for name, value in _snapshot(mapping).items():
        if type(value) is int or (type(value) is str and len(value) <= _SHORT):
            parts.append(_common(field_tag, name, value))
            continue
        key = _cached_key(name)
        content = _ENCODERS.get(type(value), _other)(value)
        # Most of a span's time goes here: where both lengths fit a byte, nothing is copied twice.
        size = len(content)
        outer_size = len(key) + 1 + size
        if outer_size < len(SINGLE_BYTES):
            parts += (field_tag, SINGLE_BYTES[outer_size], key, SINGLE_BYTES[size], content)
        else:
            parts.append(delimited(field_tag, delimited(key, content)))
    return b"".join(parts)


def any_value(value: AnyValue) -> bytes:
    """Return the content of an `AnyValue`; for None, as for an empty value, that is nothing."""
    return _ENCODERS.get(type(value), _other)(value)


def _snapshot(mapping: Mapping[str, AnyValue]) -> Mapping[str, AnyValue]:
    # The SDK's mappings call Python code at every step of an iteration; copy() is a dict's own.
    try:
        copied: dict[str, AnyValue] = mapping.copy()  # type: ignore[attr-defined]  # of a dict, proxy or SDK mapping
    except AttributeError:
        return mapping
    return copied


def _key(key: str) -> bytes:
    # Ends with the tag of the value, which always follows.
    return delimited(_KEY, utf8(str(key))) + _VALUE


@lru_cache(maxsize=4096)
def _common(field_tag: bytes, name: str, value: str | int) -> bytes:
    """Return a whole field: short strings and numbers are mostly the same in span after span."""
    return delimited(field_tag, delimited(_cached_key(name), _ENCODERS[type(value)](value)))


# Programs have few attribute keys. Keys of nested maps may come from data, so they stay out of the cache.
_cached_key = lru_cache(maxsize=1024)(_key)


def _none(_: None) -> bytes:
    return b""


def _string(value: str) -> bytes:
    return delimited(_STRING, utf8(value))


def _boolean(value: bool) -> bytes:  # noqa: FBT001  # the value itself, not a switch
    return _BOOLEAN + SINGLE_BYTES[value]


def _integer(value: int) -> bytes:
    if -(2**63) <= value < 2**63:
        return _INTEGER + varint(value & _UINT64_MASK)
    return _string(str(value) if value.bit_length() <= _DECIMAL_BITS else hex(value))


def _float(value: float) -> bytes:
    return _double(_DOUBLE, value)


def _bytes(value: bytes) -> bytes:
    return delimited(_BYTES, value)


def _sequence(values: Sequence[AnyValue]) -> bytes:
    return delimited(_ARRAY, b"".join([delimited(_ITEM, any_value(value)) for value in values]))


def _mapping(mapping: Mapping[str, AnyValue]) -> bytes:
    pairs = [delimited(_ITEM, delimited(_key(key), any_value(value))) for key, value in mapping.items()]
    return delimited(_MAP, b"".join(pairs))


def _other(value: object) -> bytes:
    # Subclasses, in the order in which the SDK's own encoder asks; the specification makes the rest strings.
    for kind, encoder in _ENCODERS.items():
        if isinstance(value, kind):
            return encoder(value)
    return _string(str(value))


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): _none,
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _float,
    bytes: _bytes,
    tuple: _sequence,
    dict: _mapping,
    Sequence: _sequence,
    Mapping: _mapping,
}
