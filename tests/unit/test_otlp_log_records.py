"""Log lines as OTLP/JSON: protobuf's own parser takes them, and they say what the stock encoder says."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as ProtoRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.trace import TraceFlags

from observability.export.encoding import IDS, IN_RESOURCE, log_records_request
from tests.unit.otlp_collector import parsed
from tests.unit.otlp_samples import RESOURCE

WRITTEN = "2026-11-25T12:34:56.789012Z"
NANOSECONDS = 1_795_610_096_789_012_000
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OUR_OWN = {"timestamp", "level", "event", *IN_RESOURCE, *(name for name, *_ in IDS)}
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR", "critical": "FATAL"}
TEXT = st.text(st.characters(codec="utf-8"), max_size=150)
SCALARS = (
    TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)


def line(**fields: object) -> bytes:
    """Return a log line."""
    return orjson.dumps({"timestamp": WRITTEN, "level": "info", "event": "order accepted", **fields})


def decoded(*lines: bytes) -> ExportLogsServiceRequest:
    """Encode lines, and decode them with protobuf's own library."""
    body, encoded = log_records_request(RESOURCE, lines)
    assert encoded == len(lines)
    return parsed(body, ExportLogsServiceRequest())


def record(one: bytes) -> ProtoRecord:
    """Return what became of a line."""
    found: ProtoRecord = decoded(one).resource_logs[0].scope_logs[0].log_records[0]
    return found


def attributes(found: ProtoRecord) -> dict[str, Any]:
    """Return a record's attributes by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in found.attributes}


@settings(deadline=None)
@given(
    st.sampled_from([*LEVELS]),
    TEXT,
    st.dictionaries(TEXT.filter(lambda name: name and name not in OUR_OWN), SCALARS, max_size=6),
)
def test_any_line_is_as_from_the_stock_encoder(level: str, event: str, fields: dict[str, Any]) -> None:
    """Whatever a line's fields hold."""
    about = LogRecord(
        timestamp=NANOSECONDS,
        observed_timestamp=NANOSECONDS,
        trace_id=int(TRACE_ID, 16),
        span_id=int(SPAN_ID, 16),
        trace_flags=TraceFlags(3),
        severity_text=level,
        severity_number=SeverityNumber[LEVELS[level]],
        body=event,
        attributes=fields,
    )
    stock = encode_logs([ReadableLogRecord(about, RESOURCE)]).resource_logs[0].scope_logs[0].log_records[0]
    ids = {"trace_id": TRACE_ID, "span_id": SPAN_ID, "trace_flags": "03"}
    assert record(line(**fields, event=event, level=level, **ids)) == stock


@pytest.mark.parametrize("bad", ["", "abc", "x" * 32, "0af76519 16cd43dd8448eb211c80319", 7, ["a"]])
def test_an_id_that_is_none_is_an_attribute(bad: object) -> None:
    """A backend would refuse the whole request for its sake."""
    found = record(line(trace_id=bad))
    assert found.trace_id == b""
    assert set(attributes(found)) == {"trace_id"}


def test_what_has_an_inner_structure_is_one_bounded_text() -> None:
    """JSON that can be read; Loki would make a label of every leaf, and takes 64 KB beside a line's text."""
    error = [{"exc_type": "ValueError", "exc_value": "naïve", "frames": [{"lineno": 7}]}]
    assert json.loads(attributes(record(line(exception=error)))["exception"]) == error
    text = attributes(record(line(exception=["x" * 100] * 1000)))["exception"]
    assert len(text) == 16_385
    assert text.endswith("…")


def test_a_line_that_cannot_be_read_costs_no_other() -> None:
    """It is left out, and the number tells so."""
    bad = [b"no JSON", b"[]", b'{"event": "no time"}', line(timestamp="yesterday"), line(timestamp=7)]
    body, encoded = log_records_request(RESOURCE, [line(event="a"), *bad, line(event="b")])
    [group] = parsed(body, ExportLogsServiceRequest()).resource_logs
    assert [one.body.string_value for one in group.scope_logs[0].log_records] == ["a", "b"]
    assert encoded == 2


def test_a_line_is_read_whatever_is_in_it() -> None:
    """What the resource says, and nothing, are left out; a level or text that is odd is as near as can be."""
    known = {"service": "api", "version": "1", "environment": "test", "correlation_id": "c-1", "reason": None}
    odd = {"timestamp": WRITTEN, "level": "level 15", "event": "a\ud800b", "n": 2**100}
    found = record(json.dumps({**known, **odd}).encode())  # orjson writes neither
    assert attributes(found) == {"correlation_id": "c-1", "n": hex(2**100)}
    assert (found.trace_id, found.span_id, found.body.string_value) == (b"", b"", "a?b")
    assert (found.severity_number, found.severity_text) == (0, "level 15")
