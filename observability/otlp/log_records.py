"""A log line, as it was written, as OTLP's `LogRecord`.

What is exported is the line itself, read again: it is redacted already, and nothing can change it meanwhile.
Messages: `logs.proto` of https://github.com/open-telemetry/opentelemetry-proto. Fields are written in the
order of their numbers.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

import orjson
from opentelemetry.sdk.resources import Resource

from observability.otlp.exporter import Signal
from observability.otlp.request import Encoded, record, request
from observability.otlp.values import any_value, attributes
from observability.otlp.wire import DELIMITED, FIXED64, VARINT, count, delimited, string, tag

_TIME, _OBSERVED_TIME = tag(1, FIXED64), tag(11, FIXED64)
_SEVERITY_NUMBER, _SEVERITY_TEXT = tag(2, VARINT), tag(3, DELIMITED)
_BODY, _ATTRIBUTES = tag(5, DELIMITED), tag(6, DELIMITED)
_TRACE_ID, _SPAN_ID = tag(9, DELIMITED), tag(10, DELIMITED)

_SEVERITIES = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
"""https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber; 0 is "unspecified"."""
_IN_THE_RESOURCE = ("service", "version", "environment")
_LONGEST_TEXT = 16_384
"""Characters of what has an inner structure, such as an exception; Loki takes 64 KB beside a line's text."""
_PLAIN = frozenset({str, int, float, bool})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_time = Struct("<cQ").pack


def log_records(resource: Resource) -> Signal[bytes]:
    """Return the signal that log lines of this resource are; each line is a JSON object."""

    def encode(lines: Sequence[bytes]) -> Encoded:
        records, problem = list[bytes](), ""
        for line in lines:
            try:
                records.append(record(encode_line(line)))
            except Exception as error:  # noqa: BLE001  # it costs one line; it is counted and logged
                problem = repr(error)
        return Encoded(request({resource: {None: records}}) if records else b"", len(records), problem)

    return Signal("log records", encode)


def encode_line(line: bytes) -> bytes:
    """Return the content of a `LogRecord` message.

    Raises:
        ValueError, KeyError, TypeError: It is no JSON object with an ISO 8601 `timestamp`.
    """
    fields = _fields(line)
    nanoseconds = _nanoseconds(fields.pop("timestamp"))
    severity = _severity(fields.pop("level", ""))
    body = delimited(_BODY, any_value(fields.pop("event", "")))
    for name in _IN_THE_RESOURCE:
        fields.pop(name, None)
    trace_id, span_id = _identifier(fields, "trace_id", 16), _identifier(fields, "span_id", 8)
    return b"".join(
        (
            _time(_TIME, nanoseconds),
            severity,
            body,
            attributes(_ATTRIBUTES, _flat(fields)),
            delimited(_TRACE_ID, trace_id) if trace_id else b"",
            delimited(_SPAN_ID, span_id) if span_id else b"",
            _time(_OBSERVED_TIME, nanoseconds),
        )
    )


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:  # lone surrogates, huge integers: what the standard library wrote
        fields = json.loads(line)
    if not isinstance(fields, dict):
        raise TypeError("a log line is an object")
    return fields


def _nanoseconds(timestamp: str) -> int:
    since = datetime.fromisoformat(timestamp) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


@lru_cache(maxsize=64)
def _severity(level: str) -> bytes:
    return count(_SEVERITY_NUMBER, _SEVERITIES.get(level, 0)) + string(_SEVERITY_TEXT, level)


def _identifier(fields: dict[str, Any], name: str, size: int) -> bytes:
    """Take an identifier of `size` bytes out of the fields; one that is none stays, as an attribute."""
    try:
        identifier = bytes.fromhex(fields[name])
    except (KeyError, TypeError, ValueError):
        return b""
    if len(identifier) != size or not any(identifier):
        return b""
    del fields[name]
    return identifier


def _flat(fields: dict[str, Any]) -> dict[str, str | float | bool]:
    """Return the fields that have a value, each as one."""
    return {
        name: value if type(value) in _PLAIN else _text(value)
        for name, value in fields.items()
        if value is not None
    }


def _text(structure: dict[str, Any] | list[Any]) -> str:
    # Loki makes a label of each leaf of a map, and JSON of a list: one text can be read, and bounded.
    text = json.dumps(structure, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
