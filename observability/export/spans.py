"""Finished spans, of the SDK or of the lean provider, as an `ExportTraceServiceRequest`."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from observability.export.otlp_json import Document, key_values, request
from observability.lean.span import LeanSpan

Ended: TypeAlias = ReadableSpan | LeanSpan
# `SpanFlags`: it is known whether a context came from another process, and whether it did.
LOCAL, REMOTE = 0x100, 0x300


def spans_request(resource: Resource, spans: Sequence[Ended]) -> tuple[bytes, int]:
    """Return the request that exports spans, and how many it has: one that cannot be encoded is left out."""
    scopes: dict[object, list[Document]] = defaultdict(list)
    for span in spans:
        with suppress(Exception):  # whatever a program put into a span costs no other span
            scopes[span.instrumentation_scope].append(span_document(span))
    groups = [
        {
            "scope": {"name": getattr(scope, "name", ""), "version": getattr(scope, "version", "") or ""},
            "spans": found,
            "schemaUrl": getattr(scope, "schema_url", "") or "",
        }
        for scope, found in scopes.items()
    ]
    return request(resource, "Spans", groups), sum(map(len, scopes.values()))


def span_document(span: Ended) -> Document:
    """Return a `Span`."""
    document: Document = {
        **_identity(span.get_span_context()),
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": key_values(span.attributes),
        "flags": REMOTE if span.parent is not None and span.parent.is_remote else LOCAL,
    }
    if span.parent is not None:
        document["parentSpanId"] = f"{span.parent.span_id:016x}"
    if not span.status.is_unset:
        document["status"] = {"code": span.status.status_code.value, "message": span.status.description}
    for event in span.events:
        attributes = key_values(event.attributes)
        about = {"name": event.name, "timeUnixNano": str(event.timestamp), "attributes": attributes}
        document.setdefault("events", []).append(about)
    for link in span.links:
        flags = REMOTE if link.context.is_remote else LOCAL
        identity, attributes = _identity(link.context), key_values(link.attributes)
        document.setdefault("links", []).append({**identity, "attributes": attributes, "flags": flags})
    for name in ("attributes", "events", "links"):
        if dropped := getattr(span, f"dropped_{name}"):
            document[f"dropped{name.title()}Count"] = dropped
    return document


def _identity(context: SpanContext | None) -> Document:
    if context is None:
        raise ValueError("a span without a context")
    document = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
    return {**document, "traceState": context.trace_state.to_header()} if context.trace_state else document
