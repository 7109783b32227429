"""The trace store's side of OTLP/HTTP."""

import asyncio
import gzip
import zlib

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.types import Message

from stack.backends.traces import receiver
from stack.backends.traces.app import trace_app
from stack.backends.traces.receiver import MAX_BYTES
from stack.backends.traces.store import TraceStore
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


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        pytest.param(PROTOBUF, b"garbage", id="no protobuf"),
        pytest.param(PROTOBUF, make_request(make_span(0)).SerializeToString(), id="trace id of zeros"),
        pytest.param(
            PROTOBUF, make_request(make_span(span_id=b"short")).SerializeToString(), id="short span id"
        ),
        pytest.param(JSON, b"{", id="no JSON"),
        pytest.param(JSON, b"[]", id="another JSON"),
        pytest.param(JSON, make_json(traceId="AAAAAAAAAAAAAAAAAAAAAQ=="), id="base64 id"),
        pytest.param(JSON, make_json(attributes="none"), id="no attributes"),
        pytest.param(JSON, make_json(kind=9), id="no kind"),
        pytest.param(
            JSON, make_json(flags=1).replace(b":1}", b":%d}" % (10**30)), id="number too large to keep"
        ),
        pytest.param(JSON, make_json().replace(b"work", b"\xff"), id="not UTF-8"),
    ],
)
def test_what_is_no_export_request_is_refused(media_type: str, body: bytes) -> None:
    """The answer is 400 and says what is wrong; nothing is stored."""
    traces = Traces()
    answer = traces.post("/v1/traces", content=body, headers={"content-type": media_type})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert not traces.store.traces


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(make_json(), id="not compressed"),
        pytest.param(gzip.compress(make_json())[:-1], id="cut off"),
        pytest.param(gzip.compress(make_json())[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param(gzip.compress(make_json()) + b"x", id="followed by something"),
        pytest.param(zlib.compress(make_json()), id="zlib"),
        pytest.param(gzip.compress(make_json() + b" " * MAX_BYTES), id="inflates too far"),
    ],
)
def test_broken_gzip_is_refused(body: bytes) -> None:
    """What claims to be gzip must be one undamaged stream of a bearable size."""
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    assert Traces().post("/v1/traces", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [
        ({"content-type": "text/plain"}, 1, 415),
        ({}, 1, 415),
        ({"content-type": PROTOBUF, "content-encoding": "br"}, 1, 415),
        ({"content-type": PROTOBUF}, MAX_BYTES + 1, 413),
    ],
)
def test_other_types_and_large_bodies_are_refused(headers: dict[str, str], size: int, status: int) -> None:
    """The sender learns which of its headers, or that its size, is not taken."""
    assert Traces().post("/v1/traces", content=b"\0" * size, headers=headers).status_code == status


@pytest.mark.parametrize(("left", "status"), [(False, 408), (True, 400)])
async def test_a_body_that_does_not_end_is_answered(
    left: bool,  # noqa: FBT001
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sender that pauses for too long, or leaves, is no error of the store."""
    monkeypatch.setattr(receiver, "BODY_SECONDS", 0.05)
    answers: list[Message] = []
    chunks = [{"type": "http.request", "body": GOOD, "more_body": True}]

    async def receive() -> Message:
        if chunks:
            return chunks.pop()
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"content-type", PROTOBUF.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "query_string": b"", "headers": headers}
    async with asyncio.timeout(10):
        await trace_app(TraceStore())(scope, receive, send)
    assert answers[0]["status"] == status
