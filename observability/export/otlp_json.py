"""OTLP's JSON encoding of values and requests.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hex, 64-bit integers as strings,
enums as numbers. Written by hand, as the kept encoders take five times as long;
a test holds it to both of them.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue

Document = dict[str, Any]


def key_values(attributes: Mapping[str, AnyValue] | None) -> list[Document]:
    """Return attributes as a list of `KeyValue`."""
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else any_value(value)}
        for key, value in (attributes or {}).items()
    ]


def any_value(value: AnyValue) -> Document:  # noqa: PLR0911 - one case for each type
    """Return a value as `AnyValue`; what has no type of its own becomes a string."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -(2**63) <= value < 2**63 else {"stringValue": hex(value)}
    if isinstance(value, float):  # which JSON has, but for these three
        special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
        return {"doubleValue": value if math.isfinite(value) else special[str(value)]}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": key_values(value)}}
    if isinstance(value, Sequence):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {} if value is None else {"stringValue": str(value)}


def request(resource: Resource, kind: str, scopes: Sequence[Document]) -> bytes:
    """Return the request that exports groups of items by their scope; `kind` is `Spans` or `Logs`."""
    about = {"attributes": key_values(resource.attributes)}
    document = {f"resource{kind}": [{"resource": about, f"scope{kind}": scopes}]}
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # a lone surrogate costs a character, not the batch
        return orjson.dumps(_valid(document))


def _valid(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_valid(key): _valid(item) for key, item in value.items()}
    return [_valid(item) for item in value] if isinstance(value, list) else value
