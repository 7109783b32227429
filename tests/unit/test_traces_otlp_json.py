"""Stored traces in OTLP/JSON."""

import base64
from collections.abc import Mapping

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # protobuf ships no stubs
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from stack.backends.traces.otlp_json import span_json, trace_json
from stack.backends.traces.values import value_text
from tests.unit.trace_samples import any_value, make_request, make_span, store_of, trace_id

text, keys = st.text(max_size=8), st.text(min_size=1, max_size=8)
uint32, uint64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
scalars = st.one_of(text, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=8))
values = st.recursive(
    scalars.map(any_value) | st.just(AnyValue()),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(
            lambda items: AnyValue(array_value=ArrayValue(values=items))
        ),
        st.dictionaries(keys, inner, min_size=1, max_size=3).map(
            lambda items: AnyValue(
                kvlist_value=KeyValueList(values=[KeyValue(key=key, value=items[key]) for key in items])
            )
        ),
    ),
    max_leaves=6,
)
attributes = st.lists(st.builds(KeyValue, key=keys, value=values), max_size=3)
trace_ids, span_ids = st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=st.just(b"") | span_ids,
    trace_state=text,
    flags=uint32,
    name=text,
    kind=st.integers(0, 5),
    start_time_unix_nano=uint64,
    end_time_unix_nano=uint64,
    attributes=attributes,
    dropped_attributes_count=uint32,
    events=st.lists(
        st.builds(Span.Event, time_unix_nano=uint64, name=text, attributes=attributes), max_size=2
    ),
    links=st.lists(
        st.builds(Span.Link, trace_id=trace_ids, span_id=span_ids, trace_state=text, attributes=attributes),
        max_size=2,
    ),
    status=st.builds(Status, code=st.integers(0, 2), message=text),
)


def with_hex_ids(message: Mapping[str, object]) -> object:
    """Turn the base64 ids of proto3's JSON into hex, on every level."""
    changed: dict[str, object] = {}
    for name, value in message.items():
        if name in ("traceId", "spanId", "parentSpanId"):
            changed[name] = base64.b64decode(str(value)).hex()
        elif name == "links":
            assert isinstance(value, list)
            changed[name] = [with_hex_ids(link) for link in value]
        else:
            changed[name] = value
    return changed


@given(spans)
def test_spans_are_what_protobufs_own_json_says_with_hex_ids(span: Span) -> None:
    """Every field of any span comes out as OTLP/JSON has it: numbers for enums, strings for 64 bits."""
    expected = MessageToDict(span, use_integers_for_enums=True)
    assert span_json(span.SerializeToString()) == with_hex_ids({"status": {}, **expected})


@given(values)
def test_any_value_has_a_text_to_compare(value: AnyValue) -> None:
    """No value that a span can carry breaks a search."""
    assert isinstance(value_text(value), str)


def test_texts_are_jaegers() -> None:
    """Numbers read as Go prints them, bytes as base64, lists and maps as JSON."""
    numbers = [1, -5, 1.0, 0.5, 1e21, 1e-7, 0.0, float("nan"), float("-inf")]
    assert [value_text(any_value(number)) for number in numbers] == [
        "1", "-5", "1", "0.5", "1e+21", "1e-7", "0", "NaN", "-Infinity",
    ]  # fmt: skip
    assert value_text(any_value(value=True)) == "true"
    assert value_text(any_value(b"\x00\xff")) == "AP8="
    items = [any_value("a"), any_value(2)]
    assert value_text(AnyValue(array_value=ArrayValue(values=items))) == '["a",2]'
    pairs = [KeyValue(key="b", value=any_value(1)), KeyValue(key="a", value=any_value(value=False))]
    assert value_text(AnyValue(kvlist_value=KeyValueList(values=pairs))) == '{"a":false,"b":1}'


async def test_a_trace_has_one_entry_for_each_resource_and_scope() -> None:
    """Pieces of one origin that came apart are put together again."""
    store = await store_of(
        make_request(make_span(1, "first"), scope="a"),
        make_request(make_span(1, "second"), scope="b"),
        make_request(make_span(1, "third"), scope="a"),
        make_request(make_span(1, "fourth"), service="worker"),
    )
    trace = store.get(trace_id(1))
    assert trace is not None
    outline = [
        [
            (part["scope"]["name"], [span["name"] for span in part["spans"]])
            for part in group["scopeSpans"]  # type: ignore[attr-defined]  # JSON
        ]
        for group in trace_json(trace)
    ]
    assert outline == [[("a", ["first", "third"]), ("b", ["second"])], [("tests", ["fourth"])]]
