"""Each part of a log line, decoded with protobuf's own library, and compared with the SDK's own encoder."""

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
from opentelemetry.sdk.resources import Resource

from observability.otlp.log_records import encode_line, log_records
from tests.unit.otlp_samples import RESOURCE

WRITTEN = "2026-11-25T12:34:56.789012Z"
NANOSECONDS = 1_795_610_096_789_012_000
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OF_OUR_OWN = {"timestamp", "level", "event", "service", "version", "environment", "trace_id", "span_id"}
NAMES = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name not in OF_OUR_OWN)
TEXT = st.text(st.characters(codec="utf-8"), max_size=150)
SCALARS = (
    TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)


def line(**fields: object) -> bytes:
    """Return a log line."""
    return orjson.dumps({"timestamp": WRITTEN, "level": "info", "event": "order accepted", **fields})


def decoded(one: bytes) -> ProtoRecord:
    """Return what became of a line."""
    record = ProtoRecord()
    record.ParseFromString(encode_line(one))
    return record


def attributes(record: ProtoRecord) -> dict[str, Any]:
    """Return a record's attributes by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in record.attributes}


def test_a_line_becomes_a_record() -> None:
    """Its time is both times, its event the body; what the resource says already is not said again."""
    said = {"correlation_id": "c-1", "duration_ms": 1.5}
    found = decoded(line(service="api", version="1", environment="test", **said))
    assert (found.time_unix_nano, found.observed_time_unix_nano) == (NANOSECONDS, NANOSECONDS)
    assert (found.severity_number, found.severity_text) == (9, "info")
    assert found.body.string_value == "order accepted"
    assert attributes(found) == said
    assert (found.trace_id, found.span_id) == (b"", b"")


def test_ids_of_the_span_have_fields_of_their_own() -> None:
    """Loki makes `trace_id` and `span_id` of them, in hex."""
    found = decoded(line(trace_id=TRACE_ID, span_id=SPAN_ID))
    assert (found.trace_id.hex(), found.span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert attributes(found) == {}


@pytest.mark.parametrize("bad", ["", "abc", "0" * 32, "x" * 32, "0af76519 16cd43dd8448eb211c80319", 7, ["a"]])
def test_an_id_that_is_none_is_an_attribute(bad: object) -> None:
    """A line may say what it likes; what OTLP has no field for is kept all the same."""
    found = decoded(line(trace_id=bad))
    assert found.trace_id == b""
    assert set(attributes(found)) == {"trace_id"}


@pytest.mark.parametrize(
    ("level", "number"),
    [("debug", 5), ("info", 9), ("warning", 13), ("error", 17), ("critical", 21), ("level 15", 0), ("", 0)],
)
def test_levels_have_numbers(level: str, number: int) -> None:
    """Those of the data model; one that it does not have keeps its name."""
    found = decoded(line(level=level))
    assert (found.severity_number, found.severity_text) == (number, level)


def test_what_has_an_inner_structure_is_one_text() -> None:
    """JSON that can be read; Loki would make a label of every leaf."""
    error = [{"exc_type": "ValueError", "exc_value": "naïve", "frames": [{"lineno": 7}]}]
    found = attributes(decoded(line(exception=error, more={"a": {"b": None}})))
    assert json.loads(found["exception"]) == error
    assert found["more"] == '{"a":{"b":null}}'


def test_one_text_is_bounded() -> None:
    """A line's fields beside its text may take 64 KB in Loki, which refuses the line otherwise."""
    frames = [{"filename": "x" * 100, "lineno": number} for number in range(1000)]
    found = decoded(line(exception=frames))
    assert len(found.attributes[0].value.string_value) == 16_385
    assert found.attributes[0].value.string_value.endswith("…")


def test_what_is_not_there_is_left_out() -> None:
    """A label without a value is none."""
    assert attributes(decoded(line(reason=None, status="done"))) == {"status": "done"}


def test_what_only_the_standard_library_writes_is_read() -> None:
    """Lone surrogates are mended, integers of any size become text."""
    fields = {"timestamp": WRITTEN, "level": "info", "event": "a\ud800b", "huge": 2**100}
    found = decoded(json.dumps(fields).encode())
    assert found.body.string_value == "a\ufffdb"
    assert attributes(found) == {"huge": str(2**100)}


def test_a_line_that_cannot_be_read_costs_no_other() -> None:
    """It is counted, and its problem told."""
    signal = log_records(RESOURCE)
    bad = [b"no JSON", b"[]", b'{"event": "no time"}', line(timestamp="yesterday"), line(timestamp=7)]
    request = signal.encode([line(event="a"), *bad, line(event="b")])
    [group] = ExportLogsServiceRequest.FromString(request.payload).resource_logs
    assert [record.body.string_value for record in group.scope_logs[0].log_records] == ["a", "b"]
    assert request.items == 2
    assert request.problem
    nothing = signal.encode(bad)
    assert (nothing.payload, nothing.items) == (b"", 0)


def stock(fields: dict[str, Any], resource: Resource) -> bytes:
    """Return the request that the SDK's own encoder makes of a line's fields."""
    record = LogRecord(
        timestamp=NANOSECONDS,
        observed_timestamp=NANOSECONDS,
        trace_id=int(TRACE_ID, 16),
        span_id=int(SPAN_ID, 16),
        severity_text="error",
        severity_number=SeverityNumber.ERROR,
        body=fields["event"],
        attributes={name: value for name, value in fields.items() if name not in OF_OUR_OWN},
    )
    request: ExportLogsServiceRequest = encode_logs([ReadableLogRecord(record, resource)])
    payload: bytes = request.SerializeToString(deterministic=True)
    return payload


@settings(deadline=None)
@given(
    TEXT,
    st.dictionaries(NAMES, SCALARS, max_size=6),
    st.dictionaries(st.sampled_from(["service.name", "team", "n"]), TEXT | st.integers(0, 9), max_size=3),
)
def test_any_line_is_as_from_the_stock_encoder(
    event: str, fields: dict[str, Any], resource: dict[str, Any]
) -> None:
    """Byte for byte, envelope included, whatever a line's fields hold."""
    who = Resource(resource)
    said = {**fields, "event": event, "level": "error", "trace_id": TRACE_ID, "span_id": SPAN_ID}
    assert log_records(who).encode([line(**said)]).payload == stock(said, who)
