"""Whatever is sent to the trace store, it never answers 500, and goes on working."""

import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from stack.backends.traces.query_app import query_app
from stack.backends.traces.receiver import otlp_app
from stack.backends.traces.store import Limits, TraceStore
from tests.unit.backend_client import Client
from tests.unit.trace_samples import field, make_request, make_span

GOOD = make_request(
    make_span(1, attributes={"a": 1, "b": "c", "d": 0.5}), make_span(1, "other", kind=5, status=2)
).SerializeToString()
# Enough of OTLP/JSON's names that random objects get past the first levels.
NAMES = [
    *("resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "key", "value", "links"),
    *("traceId", "spanId", "name", "kind", "status", "code", "events", "startTimeUnixNano", "intValue"),
    *("stringValue", "arrayValue", "kvlistValue", "values", "bytesValue", "doubleValue", "schemaUrl"),
]

junk = st.binary(max_size=6)
mutated = st.builds(
    lambda at, cut, new: GOOD[:at] + new + GOOD[at + cut :],
    st.integers(0, len(GOOD)),
    st.integers(0, 9),
    junk,
)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5)
json_values = st.recursive(
    scalars | st.sampled_from(["01" * 16, "02" * 8, "1", "NaN", "server"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
)
json_spans = st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6)


def json_request(span: dict[str, Any]) -> bytes:
    """Return a JSON request whose only span is the given object, with valid ids."""
    span = {**span, "traceId": "01" * 16, "spanId": "02" * 8}
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def deep_span(depth: int) -> bytes:
    """Return an encoded span with an attribute of lists in lists."""
    value: bytes = AnyValue(string_value="x").SerializeToString()
    for _ in range(depth):
        value = field(5, field(1, value))
    span: bytes = make_span(1).SerializeToString()
    return span + field(9, field(1, b"deep") + field(2, value))


requests = st.one_of(
    st.tuples(st.just("application/x-protobuf"), st.binary(max_size=200) | mutated),
    st.tuples(
        st.just("application/json"), json_values.map(orjson.dumps) | json_spans.map(json_request) | junk
    ),
)


async def everything_answers(store: TraceStore) -> None:
    """Read all that is stored in every way there is."""
    client = Client(query_app(store))
    window = {"query.startTimeMin": "1970-01-01T00:00:00Z", "query.startTimeMax": "2600-01-01T00:00:00Z"}
    for path in ("traces", "trace-summaries"):
        for extra in ({}, {"query.attributes": '{"a":"1"}'}, {"query.attributes": '{"error":"true"}'}):
            answer = await client.send("GET", f"/api/v3/{path}", query=window | extra)
            assert answer.status in (200, 404)
            assert answer.json()
    for trace in store.newest_first():
        assert (await client.get(f"/trace/{trace.trace_id.hex()}")).status == 200
    for path in ("/", "/api/v3/services", "/api/v3/operations"):
        assert (await client.get(path)).status == 200


@settings(max_examples=300, deadline=None)
@given(requests, st.booleans())
async def test_no_export_breaks_the_store(request: tuple[str, bytes], compressed: bool) -> None:  # noqa: FBT001
    """Random, damaged and half-right requests are stored or refused, and all that is stored can be read."""
    media_type, body = request
    store = TraceStore(Limits())
    headers = {"content-type": media_type, **({"content-encoding": "gzip"} if compressed else {})}
    chunks = [gzip.compress(body) if compressed else body]
    answer = await Client(otlp_app(store)).send("POST", "/v1/traces", headers=headers, chunks=chunks)
    assert answer.status in (200, 400)
    await everything_answers(store)


media_types = st.sampled_from(["application/x-protobuf", "application/json", "", "text/plain"]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=255), max_size=12
)
encodings = st.sampled_from(["gzip", "GZIP ", "identity", "", "br", "gzip, gzip"]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=255), max_size=8
)


@settings(max_examples=300, deadline=None)
@given(media_types, encodings, st.binary(max_size=100) | mutated | mutated.map(gzip.compress))
async def test_no_header_breaks_the_store(media_type: str, encoding: str, body: bytes) -> None:
    """Whatever a body is said to be, it is taken or refused."""
    headers = {"content-type": media_type, "content-encoding": encoding}
    store = TraceStore(Limits())
    answer = await Client(otlp_app(store)).send("POST", "/v1/traces", headers=headers, chunks=[body])
    assert answer.status in (200, 400, 413, 415)


@pytest.mark.parametrize(("depth", "status"), [(49, 200), (50, 400), (1_000, 400)])
async def test_the_deepest_value_that_is_taken_can_be_read(depth: int, status: int) -> None:
    """The limit is protobuf's own, 100 messages in each other; nothing below it breaks the answers."""
    store = TraceStore(Limits())
    body = field(1, field(2, field(2, deep_span(depth))))
    headers = {"content-type": "application/x-protobuf"}
    answer = await Client(otlp_app(store)).send("POST", "/v1/traces", headers=headers, chunks=[body])
    assert answer.status == status
    await everything_answers(store)


names = st.sampled_from(
    [
        *("query.serviceName", "query.operationName", "query.attributes", "query.startTimeMin", "limit"),
        *("query.startTimeMax", "query.durationMin", "query.durationMax", "query.searchDepth", "tags"),
        *("query.rawTraces", "service", "spanKind", "minDuration", "startTime", "rawTraces"),
    ]
)
plausible = st.sampled_from(
    ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "1s", "-1s", "{}", '{"a":"1"}', "0", "true"]
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["/api/v3/traces", "/api/v3/trace-summaries", "/api/v3/operations", "/search"]),
    st.dictionaries(names, st.text(max_size=12) | plausible, max_size=6),
)
async def test_no_query_breaks_the_store(path: str, query: dict[str, str]) -> None:
    """Random parameters are answered or refused."""
    store = TraceStore(Limits())
    await Client(otlp_app(store)).send(
        "POST", "/v1/traces", headers={"content-type": "application/x-protobuf"}, chunks=[GOOD]
    )
    answer = await Client(query_app(store)).send("GET", path, query=query)
    assert answer.status in (200, 400, 404)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40))
async def test_no_trace_id_breaks_the_store(trace_id: str) -> None:
    """Any text in the place of a trace id is answered."""
    client = Client(query_app(TraceStore(Limits())))
    path = trace_id.replace("/", "")
    for prefix in ("/api/v3/traces/", "/trace/"):
        assert (await client.send("GET", f"{prefix}x{path}")).status in (400, 404)
