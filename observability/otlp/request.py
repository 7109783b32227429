"""Batches of spans as OTLP's `ExportTraceServiceRequest`.

Messages: `trace_service.proto`, `trace.proto`, `resource.proto` and `common.proto` of
https://github.com/open-telemetry/opentelemetry-proto.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.otlp.spans import encode_span
from observability.otlp.values import attributes
from observability.otlp.wire import DELIMITED, delimited, string, tag

# Of `ExportTraceServiceRequest`, `ResourceSpans`, `Resource`, `ScopeSpans`, and of both groups of spans.
_RESOURCE_SPANS = tag(1, DELIMITED)
_RESOURCE, _SCOPE_SPANS = tag(1, DELIMITED), tag(2, DELIMITED)
_RESOURCE_ATTRIBUTES = tag(1, DELIMITED)
_SCOPE, _SPANS = tag(1, DELIMITED), tag(2, DELIMITED)
_SCHEMA_URL = tag(3, DELIMITED)
# Of `InstrumentationScope`.
_NAME, _VERSION, _ATTRIBUTES = tag(1, DELIMITED), tag(2, DELIMITED), tag(3, DELIMITED)

_Scopes: TypeAlias = dict[InstrumentationScope | None, list[bytes]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request, the number of spans in it, and what was wrong with those that are not."""

    payload: bytes
    spans: int
    problem: str = ""


def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """Return the request that exports these spans, grouped by resource and within it by scope.

    Raises:
        ValueError, OverflowError, struct.error: OTLP cannot carry one of the spans, see `encode_span`.
    """
    groups = _grouped(spans)
    return b"".join([delimited(_RESOURCE_SPANS, _resource_spans(*group)) for group in groups.items()])


def encode_leniently(spans: Sequence[ReadableSpan]) -> Encoded:
    """Return the request for those spans that OTLP can carry: one that it cannot costs no other."""
    try:
        return Encoded(encode(spans), len(spans))
    except Exception as error:  # noqa: BLE001  # programs can put anything into spans; it is counted and logged
        encodable = [span for span in spans if _is_encodable(span)]
        return Encoded(encode(encodable), len(encodable), repr(error))


def _is_encodable(span: ReadableSpan) -> bool:
    try:
        encode_span(span)
    except Exception:  # noqa: BLE001  # as above
        return False
    return True


def _grouped(spans: Sequence[ReadableSpan]) -> dict[Resource, _Scopes]:
    groups: dict[Resource, _Scopes] = {}
    # Hashing a resource renders it as JSON. Identity is enough within a batch, which keeps its objects alive.
    buckets: dict[tuple[int, int], list[bytes]] = {}
    for span in spans:
        resource, scope = span.resource, span.instrumentation_scope
        identity = id(resource), id(scope)
        bucket = buckets.get(identity)
        if bucket is None:
            bucket = buckets[identity] = groups.setdefault(resource, {}).setdefault(scope, [])
        bucket.append(delimited(_SPANS, encode_span(span)))
    return groups


def _resource_spans(resource: Resource, scopes: _Scopes) -> bytes:
    return (
        delimited(_RESOURCE, attributes(_RESOURCE_ATTRIBUTES, resource.attributes))
        + b"".join([delimited(_SCOPE_SPANS, _scope_spans(scope, spans)) for scope, spans in scopes.items()])
        + string(_SCHEMA_URL, resource.schema_url)
    )


def _scope_spans(scope: InstrumentationScope | None, spans: list[bytes]) -> bytes:
    # Without a scope the message is present and empty, which OTLP reads as "unknown".
    content, schema_url = (_scope(scope), scope.schema_url) if scope else (b"", None)
    return delimited(_SCOPE, content) + b"".join(spans) + string(_SCHEMA_URL, schema_url)


def _scope(scope: InstrumentationScope) -> bytes:
    return (
        string(_NAME, scope.name)
        + string(_VERSION, scope.version)
        + attributes(_ATTRIBUTES, scope.attributes)
    )
