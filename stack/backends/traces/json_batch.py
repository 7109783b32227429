"""An OTLP/JSON export request, brought into the form of a protobuf one.

OTLP/JSON is proto3's JSON mapping except for the ids, which are hex instead of base64:
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import orjson
from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]  # no stubs
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.batch import MAX_PARTS
from stack.backends.traces.spans import MalformedError, Origin, service_name

_MAX_DEPTH = 100  # protobuf's own limit for binary messages
_ID_FIELDS = ("traceId", "spanId", "parentSpanId")
# What json_format raises for hostile input is not only its own error.
_UNUSABLE = (ParseError, ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)

_Object = dict[str, object]


class _Message(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802 -- protobuf's name


def split_json(body: bytes) -> list[tuple[Origin, bytes]]:
    """Split an OTLP/JSON ExportTraceServiceRequest.

    Raises:
        MalformedError: it is not JSON, not such a request, or has more than ``MAX_PARTS`` spans.
    """
    try:
        pairs = list(islice(_spans(orjson.loads(body)), MAX_PARTS + 1))
    except _UNUSABLE as error:
        raise MalformedError(f"not an ExportTraceServiceRequest: {error}") from None
    if len(pairs) > MAX_PARTS:
        raise MalformedError(f"more than {MAX_PARTS} spans in one request")
    return pairs


def _spans(request: object) -> Iterator[tuple[Origin, bytes]]:
    for group in _objects(_object(request), "resourceSpans"):
        resource = Resource()
        encoded_resource = _encode(group.get("resource"), resource)
        for part in _objects(group, "scopeSpans"):
            origin = Origin(
                service_name(resource),
                encoded_resource,
                str(group.get("schemaUrl", "")),
                _encode(part.get("scope"), InstrumentationScope()),
                str(part.get("schemaUrl", "")),
            )
            for span in _objects(part, "spans"):
                yield origin, _encode(_with_binary_ids(span), Span())


def _with_binary_ids(span: _Object) -> _Object:
    """Return a span whose ids, and whose links' ids, are in protobuf's own JSON form."""
    links = [_base64_ids(link) for link in _objects(span, "links")]
    return {**_base64_ids(span), "links": links}


def _base64_ids(value: _Object) -> _Object:
    ids = {
        field: base64.b64encode(bytes.fromhex(str(value[field]))).decode()
        for field in _ID_FIELDS
        if value.get(field)
    }
    return {**value, **ids}


def _encode(value: object, message: _Message) -> bytes:
    """Fill a message from its JSON form and encode it; null and absence are the empty message."""
    ParseDict(
        _object({} if value is None else value),
        message,
        ignore_unknown_fields=True,
        max_recursion_depth=_MAX_DEPTH,
    )
    return message.SerializeToString()


def _objects(value: _Object, field: str) -> list[_Object]:
    items = value.get(field)
    if not isinstance(items, list | None):
        raise TypeError(f"{field} is not an array")
    return [_object(item) for item in items or ()]


def _object(value: object) -> _Object:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value
