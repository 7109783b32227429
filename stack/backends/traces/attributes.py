"""Matching a span by an attribute, by the rules of Jaeger's memory store.

A key is looked up in the span, its events, its links, its scope and its resource; ``resource.<key>`` in the
resource alone; ``error``, ``span.status``, ``span.kind``, ``scope.name`` and ``scope.version`` are fields.
"""

from collections.abc import Iterable, Iterator

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.booleans import parse_bool
from stack.backends.traces.kinds import STATUS_ERROR, STATUS_OK, kind_number, status_number
from stack.backends.traces.spans import Origin, StoredSpan
from stack.backends.traces.values import value_text

_RESOURCE = "resource."


def has_attribute(origin: Origin, span: StoredSpan, key: str, text: str) -> bool:
    """Say whether a span has an attribute whose value reads as ``text``."""
    match key:
        case "error":
            return _is_error(span, text)
        case "span.status":
            return span.status == status_number(text)
        case "span.kind":
            return span.kind == kind_number(text)
        case "scope.name" | "scope.version":
            scope = InstrumentationScope.FromString(origin.scope)
            return bool(getattr(scope, key.removeprefix("scope.")) == text)
    if key.startswith(_RESOURCE):
        return _in_resource(origin, key.removeprefix(_RESOURCE), text)
    return _in_span(span, key, text) or _in_scope(origin, key, text) or _in_resource(origin, key, text)


def _is_error(span: StoredSpan, text: str) -> bool:
    """Compare the status; as in Jaeger, ``error=false`` asks for ok and not for unset."""
    try:
        return span.status == (STATUS_ERROR if parse_bool(text) else STATUS_OK)
    except ValueError:
        return False


# Decoding is what a search costs. Most spans lack the key, and then its bytes are nowhere in them.


def _in_span(span: StoredSpan, key: str, text: str) -> bool:
    return key.encode() in span.encoded and _found(_span_attributes(span.encoded), key, text)


def _in_scope(origin: Origin, key: str, text: str) -> bool:
    return key.encode() in origin.scope and _found(
        InstrumentationScope.FromString(origin.scope).attributes, key, text
    )


def _in_resource(origin: Origin, key: str, text: str) -> bool:
    return key.encode() in origin.resource and _found(
        Resource.FromString(origin.resource).attributes, key, text
    )


def _span_attributes(encoded: bytes) -> Iterator[KeyValue]:
    span = Span.FromString(encoded)
    yield from span.attributes
    for part in (*span.events, *span.links):
        yield from part.attributes


def _found(attributes: Iterable[KeyValue], key: str, text: str) -> bool:
    return any(attribute.key == key and value_text(attribute.value) == text for attribute in attributes)
