"""Log lines, as they were written, as an `ExportLogsServiceRequest`.

The line itself is read again: it is redacted already, and nothing can have changed it since.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from opentelemetry.sdk.resources import Resource

from observability.export.otlp_json import Document, key_values, request

SEVERITIES = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
"""https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"""
IN_RESOURCE = frozenset({"service", "version", "environment"})
LONGEST_TEXT = 16_384
"""Characters of what has an inner structure, such as an exception; Loki takes 64 KB beside a line's text."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def log_records_request(resource: Resource, lines: Sequence[bytes]) -> tuple[bytes, int]:
    """Return the request that exports lines, each a JSON object, and how many of them are in it."""
    records = []
    for line in lines:
        with suppress(Exception):  # a line that cannot be read costs no other line
            records.append(log_record(line))
    return request(resource, "Logs", [{"logRecords": records}]), len(records)


def log_record(line: bytes) -> Document:
    """Return a `LogRecord`."""
    fields: dict[str, Any] = json.loads(line)  # not orjson, which refuses lone surrogates and huge integers
    since = datetime.fromisoformat(fields.pop("timestamp")) - EPOCH
    nanoseconds = str((since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000)
    level = fields.pop("level")
    record = {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": SEVERITIES.get(level, 0),
        "severityText": level,
        "body": {"stringValue": str(fields.pop("event", ""))},
    }
    for name, key, length in (("trace_id", "traceId", 32), ("span_id", "spanId", 16)):
        if re.fullmatch(f"[0-9a-f]{{{length}}}", str(fields.get(name))):
            record[key] = fields.pop(name)
    kept = {name: value for name, value in fields.items() if name not in IN_RESOURCE and value is not None}
    return {**record, "attributes": key_values({name: _flat(value) for name, value in kept.items()})}


def _flat(value: Any) -> str | float | bool:  # noqa: ANN401 - any JSON
    if isinstance(value, str | int | float):
        return value
    # Loki makes a label of each leaf of a map: one text can be read, and bounded.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
