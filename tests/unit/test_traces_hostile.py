"""Whatever is sent to the trace store, it never answers 500, and goes on working."""

import gzip

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trace_samples import EVER, JSON, PROTOBUF, Traces, make_json, make_request, make_span

GOOD = make_request(
    make_span(1, attributes={"a": 1, "b": "c", "d": 0.5}), make_span(1, "other", kind=5, status=2)
).SerializeToString()
# Enough of OTLP/JSON's names that random objects get past the first levels.
NAMES = [
    *("resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "key", "value", "links"),
    *("traceId", "spanId", "name", "kind", "status", "code", "events", "startTimeUnixNano", "intValue"),
    *("stringValue", "arrayValue", "kvlistValue", "values", "bytesValue", "doubleValue"),
]

mutated = st.builds(
    lambda at, cut, new: GOOD[:at] + new + GOOD[at + cut :],
    st.integers(0, len(GOOD)),
    st.integers(0, 9),
    st.binary(max_size=6),
)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5)
json_values = st.recursive(
    scalars | st.sampled_from(["01" * 16, "02" * 8, "1", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
)
json_spans = st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6).map(lambda it: make_json(**it))
requests = st.tuples(st.just(PROTOBUF), st.binary(max_size=200) | mutated) | st.tuples(
    st.just(JSON), json_values.map(orjson.dumps) | json_spans | st.binary(max_size=6)
)
headers = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


def everything_answers(traces: Traces) -> None:
    """Read all that is stored in every way there is."""
    for attributes in ({}, {"query.attributes": '{"a":"1"}'}, {"query.attributes": '{"error":"true"}'}):
        answer = traces.get("/api/v3/traces", params=EVER | attributes)
        assert answer.status_code in (200, 404)
        assert answer.json()
    for trace in traces.store.traces:
        assert traces.get(f"/trace/{trace}").status_code == 200
    for path in ("/", "/api/v3/services", "/api/v3/operations"):
        assert traces.get(path).status_code == 200


@settings(max_examples=200, deadline=None)
@given(requests, st.just("") | st.just("gzip") | headers, st.none() | st.none() | headers)
def test_no_export_breaks_the_store(request: tuple[str, bytes], encoding: str, claimed: str | None) -> None:
    """Random, damaged and half-right requests are stored or refused, and all that is stored can be read."""
    media_type, body = request
    traces = Traces()
    named = {"content-type": media_type if claimed is None else claimed, "content-encoding": encoding}
    content = gzip.compress(body) if encoding == "gzip" else body
    assert traces.post("/v1/traces", content=content, headers=named).status_code in (200, 400, 415)
    if traces.store.traces:
        everything_answers(traces)


@pytest.mark.parametrize("depth", [20, 90, 1_000, 100_000])
def test_deep_values_are_refused_or_can_be_read(depth: int) -> None:
    """Nothing that is taken is too deep to be answered."""
    traces, value = Traces(), b'{"arrayValue":{"values":[' * depth + b"]}}" * depth
    body = make_json(attributes=[{"key": "deep", "value": {}}]).replace(b"{}", value)
    status = traces.post("/v1/traces", content=body, headers={"content-type": JSON}).status_code
    assert status == (200 if depth == 20 else 400)
    everything_answers(traces)
