"""OTLP's AnyValue as OTLP/JSON and as the text that a search compares."""

import base64
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_Json = dict[str, object]

# Between these Go prints a number without an exponent (encoding/json).
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-6, 1e21


def attributes_json(attributes: list[KeyValue]) -> list[_Json]:
    """Return attributes in OTLP/JSON."""
    return [{"key": attribute.key, "value": value_json(attribute.value)} for attribute in attributes]


def value_json(value: AnyValue) -> _Json:
    """Return a value in OTLP/JSON: 64-bit integers as strings, bytes in base64, and no value as {}."""
    form = _FORMS.get(value.WhichOneof("value"))
    return form(value) if form else {}


def value_text(value: AnyValue) -> str:
    """Return a value as Jaeger's memory store compares it: the text of a scalar, the JSON of the rest."""
    plain = _plain(value)
    match plain:
        case None:
            return ""
        case str():
            return plain
        case float():
            return _double_text(plain)
        case _:
            return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: AnyValue) -> object:
    """Return a value as Python would have it; bytes become base64."""
    match value.WhichOneof("value"):
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _plain(item.value) for item in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "string_value" | "bool_value" | "int_value" | "double_value" as kind:
            return getattr(value, kind)
        case _:
            return None


def _double_json(number: float) -> float | str:
    """Return a number, or the string that proto3's JSON has for what JSON cannot hold."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _double_text(number: float) -> str:
    if not math.isfinite(number) or not number:
        return str(_double_json(number)) if number else "0"
    if _SMALLEST_PLAIN <= abs(number) < _LARGEST_PLAIN:
        return f"{Decimal(repr(number)).normalize():f}"
    return repr(number).replace("e-0", "e-")


_FORMS: Final[Mapping[str | None, Callable[[AnyValue], _Json]]] = {
    "string_value": lambda value: {"stringValue": value.string_value},
    "bool_value": lambda value: {"boolValue": value.bool_value},
    "int_value": lambda value: {"intValue": str(value.int_value)},
    "double_value": lambda value: {"doubleValue": _double_json(value.double_value)},
    "bytes_value": lambda value: {"bytesValue": base64.b64encode(value.bytes_value).decode()},
    "array_value": lambda value: {"arrayValue": {"values": list(map(value_json, value.array_value.values))}},
    "kvlist_value": lambda value: {"kvlistValue": {"values": attributes_json(value.kvlist_value.values)}},
}
