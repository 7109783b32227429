"""The trace store's side of OTLP/HTTP."""

import asyncio
import gzip
import zlib
from unittest.mock import AsyncMock

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stack.backends.traces import receiver
from stack.backends.traces.app import trace_app
from stack.backends.traces.receiver import MAX_BYTES
from stack.backends.traces.store import TraceStore
from tests.unit.asgi import http_scope
from tests.unit.trace_samples import JSON, PROTOBUF, Traces, make_json, make_request, make_span, trace_id

GOOD = make_request(make_span(1)).SerializeToString()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("media_type", "body", "answered"),
    [
        pytest.param(PROTOBUF, GOOD, b"", id="protobuf"),
        pytest.param(JSON, make_json(), b"{}", id="json"),
        pytest.param("Application/JSON ; charset=utf-8", make_json(), b"{}", id="charset"),
    ],
)
def test_both_encodings_are_taken_with_and_without_gzip(
    media_type: str, body: bytes, answered: bytes, encoding: str
) -> None:
    """Success is an empty answer in the request's own encoding."""
    traces = Traces()
    content = gzip.compress(body) if encoding == "gzip" else body
    headers = {"content-type": media_type, "content-encoding": encoding}
    answer = traces.post("/v1/traces", content=content, headers=headers)
    assert (answer.status_code, answer.content) == (200, answered)
    assert answer.headers["content-type"] in (PROTOBUF, JSON)
    assert list(traces.store.traces) == [trace_id(1)]


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_a_full_trace_refuses_spans_and_says_how_many(media_type: str) -> None:
    """A runaway trace stops growing, costs no other trace its place, and its sender learns of it."""
    traces = Traces(max_spans_per_trace=1)
    traces.export(make_request(make_span(1), make_span(2)))
    body = make_json() if media_type == JSON else make_request(make_span(1)).SerializeToString()
    answer = traces.post("/v1/traces", content=body, headers={"content-type": media_type})
    assert answer.status_code == 200
    if media_type == JSON:
        assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    else:
        assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert [len(spans) for spans in traces.store.traces.values()] == [1, 1]


SHORT_ID = make_request(make_span(span_id=b"short")).SerializeToString()
TOO_LARGE = make_json(flags=1).replace(b":1}", b":%d}" % 10**30)


@pytest.mark.parametrize(
    ("content", "encoding", "body", "status"),
    [
        pytest.param(PROTOBUF, "", b"garbage", 400, id="no protobuf"),
        pytest.param(
            PROTOBUF, "", make_request(make_span(0)).SerializeToString(), 400, id="trace id of zeros"
        ),
        pytest.param(PROTOBUF, "", SHORT_ID, 400, id="short span id"),
        pytest.param(JSON, "", b"{", 400, id="no JSON"),
        pytest.param(JSON, "", b"[]", 400, id="another JSON"),
        pytest.param(JSON, "", make_json(traceId="AAAAAAAAAAAAAAAAAAAAAQ=="), 400, id="base64 id"),
        pytest.param(JSON, "", make_json(attributes="none"), 400, id="no attributes"),
        pytest.param(JSON, "", make_json(kind=9), 400, id="no kind"),
        pytest.param(JSON, "", TOO_LARGE, 400, id="number too large to keep"),
        pytest.param(JSON, "", make_json().replace(b"work", b"\xff"), 400, id="not UTF-8"),
        pytest.param(JSON, "gzip", make_json(), 400, id="not compressed"),
        pytest.param(JSON, "gzip", gzip.compress(make_json())[:-1], 400, id="cut off"),
        pytest.param(JSON, "gzip", gzip.compress(make_json())[:-8] + b"\0" * 8, 400, id="wrong checksum"),
        pytest.param(JSON, "gzip", gzip.compress(make_json()) + b"x", 400, id="followed by something"),
        pytest.param(JSON, "gzip", zlib.compress(make_json()), 400, id="zlib"),
        pytest.param(JSON, "gzip", gzip.compress(make_json() + b" " * MAX_BYTES), 400, id="inflates too far"),
        pytest.param("text/plain", "", make_json(), 415, id="another type"),
        pytest.param("", "", make_json(), 415, id="no type"),
        pytest.param(PROTOBUF, "br", GOOD, 415, id="another compression"),
        pytest.param(PROTOBUF, "", b"\0" * (MAX_BYTES + 1), 413, id="too large"),
    ],
)
def test_what_is_no_export_request_is_refused(content: str, encoding: str, body: bytes, status: int) -> None:
    """The answer says what is wrong, and nothing is stored."""
    traces = Traces()
    headers = {"content-type": content, "content-encoding": encoding or "identity"}
    answer = traces.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert not traces.store.traces


@pytest.mark.parametrize(("left", "status"), [(False, 408), (True, 400)])
async def test_a_body_that_does_not_end_is_answered(
    monkeypatch: pytest.MonkeyPatch, status: int, *, left: bool
) -> None:
    """A sender that pauses for too long, or leaves, is no error of the store."""
    monkeypatch.setattr(receiver, "BODY_SECONDS", 0.05)
    receive, send = AsyncMock(return_value={"type": "http.disconnect"}), AsyncMock()
    if not left:
        receive.side_effect = asyncio.Event().wait
    scope = http_scope("POST", "/v1/traces", [("content-type", PROTOBUF)])
    async with asyncio.timeout(10):
        await trace_app(TraceStore())(scope, receive, send)
    assert send.await_args_list[0].args[0]["status"] == status
