"""Spans and log lines in OTLP's JSON encoding, written by hand as the kept encoders take five times as long.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding; a test holds it to both of them.
"""

import base64
import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeAlias

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AnyValue

from observability.lean import LeanSpan

Document = dict[str, Any]
Ended: TypeAlias = ReadableSpan | LeanSpan
# `SpanFlags`: it is known whether a context came from another process, and whether it did.
LOCAL, REMOTE = 0x100, 0x300
SEVERITIES = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
"""https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"""
IN_RESOURCE = frozenset({"service", "version", "environment"})
IDS = (("trace_id", "traceId", 32), ("span_id", "spanId", 16), ("trace_flags", "flags", 2))  # and hex digits
LONGEST_TEXT = 16_384
"""Characters of what has an inner structure, such as an exception; Loki takes 64 KB beside a line's text."""


def spans_request(resource: Resource, spans: Sequence[Ended]) -> tuple[bytes, int]:
    """Return the request that exports spans, and how many it has: one that cannot be encoded is left out."""
    scopes: dict[object, list[Document]] = defaultdict(list)
    for span in spans:
        with suppress(Exception):  # whatever a program put into a span costs no other span
            scopes[span.instrumentation_scope].append(span_document(span))
    groups = []
    for scope, found in scopes.items():
        name, version, url = (getattr(scope, name, None) or "" for name in ("name", "version", "schema_url"))
        groups.append({"scope": {"name": name, "version": version}, "spans": found, "schemaUrl": url})
    return _request(resource, "Spans", groups), sum(map(len, scopes.values()))


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


def log_records_request(resource: Resource, lines: Sequence[bytes]) -> tuple[bytes, int]:
    """Return the request that exports lines, each a JSON object, and how many of them are in it.

    The line itself is read again: it is redacted already, and nothing can have changed it since.
    """
    records = []
    for line in lines:
        with suppress(Exception):  # a line that cannot be read costs no other line
            records.append(log_record(line))
    return _request(resource, "Logs", [{"logRecords": records}]), len(records)


def log_record(line: bytes) -> Document:
    """Return a `LogRecord`."""
    fields: dict[str, Any] = json.loads(line)  # not orjson, which refuses lone surrogates and huge integers
    level, time = fields.pop("level"), datetime.fromisoformat(fields.pop("timestamp"))
    nanoseconds = f"{round(time.timestamp() * 1e6)}000"
    record = {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": SEVERITIES.get(level, 0),
        "severityText": level,
        "body": {"stringValue": str(fields.pop("event", ""))},
    }
    for name, key, digits in IDS:
        if re.fullmatch(f"[0-9a-f]{{{digits}}}", str(fields.get(name))):
            record[key] = fields.pop(name)
    if "flags" in record:
        record["flags"] = int(record["flags"], 16)
    kept = {name: value for name, value in fields.items() if name not in IN_RESOURCE and value is not None}
    return {**record, "attributes": key_values({name: _flat(value) for name, value in kept.items()})}


def _flat(value: Any) -> str | float | bool:  # noqa: ANN401 - any JSON
    if isinstance(value, str | int | float):
        return value
    # Loki makes a label of each leaf of a map: one text can be read, and bounded.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


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


def _request(resource: Resource, kind: str, scopes: Sequence[Document]) -> bytes:
    about = {"attributes": key_values(resource.attributes)}
    document = {f"resource{kind}": [{"resource": about, f"scope{kind}": scopes}]}
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # a lone surrogate costs a character, not the batch
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
