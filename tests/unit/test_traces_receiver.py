"""The OTLP/HTTP port, as the specification of OTLP has it."""

import asyncio
import gzip
import zlib

import orjson
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # googleapis ships no py.typed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stack.backends.traces.receiver import MAX_BODY_BYTES, MAX_JSON_BYTES, otlp_app
from stack.backends.traces.store import Limits, TraceStore
from tests.unit.backend_client import Answer, Client
from tests.unit.trace_samples import make_request, make_span, trace_id

PROTOBUF, JSON = "application/x-protobuf", "application/json"
GOOD = make_request(make_span(1)).SerializeToString()
GOOD_JSON = orjson.dumps(
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "01" * 16, "spanId": "02" * 8}]}]}]}
)


async def export(store: TraceStore, *chunks: bytes, media_type: str = PROTOBUF, **headers: str) -> Answer:
    """Send a body to a receiver with this store."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Client(otlp_app(store)).send(
        "POST", "/v1/traces", headers={"content-type": media_type, **named}, chunks=chunks
    )


def error_code(answer: Answer) -> int:
    """Return the code in the google.rpc.Status of a failed export, in either encoding."""
    if answer.headers["content-type"] == JSON:
        assert answer.json()["message"]
        return int(answer.json()["code"])
    status = Status.FromString(answer.body)
    assert status.message
    return int(status.code)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("media_type", "body", "answered"), [(PROTOBUF, GOOD, b""), (JSON, GOOD_JSON, b"{}")]
)
async def test_success_is_an_empty_answer_in_the_same_encoding(
    media_type: str, body: bytes, answered: bytes, encoding: str
) -> None:
    """Both encodings, compressed or not, are stored and confirmed."""
    store = TraceStore(Limits())
    sent = gzip.compress(body) if encoding == "gzip" else body
    answer = await export(store, sent, media_type=media_type, content_encoding=encoding)
    assert (answer.status, answer.body) == (200, answered)
    assert answer.headers["content-type"] == media_type
    assert store.span_count == 1


async def test_a_content_type_may_have_parameters() -> None:
    """A charset, capitals and blanks change nothing."""
    store = TraceStore(Limits())
    assert (await export(store, GOOD_JSON, media_type="Application/JSON ; charset=utf-8")).status == 200


async def test_a_body_may_come_in_pieces() -> None:
    """Chunked bodies are put together."""
    store = TraceStore(Limits())
    assert (await export(store, GOOD[:10], GOOD[10:])).status == 200
    assert store.get(trace_id(1)) is not None


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_spans_that_no_trace_can_hold_are_reported(media_type: str) -> None:
    """Invalid ids leave out a span and not its batch, and the sender is told how many."""
    store = TraceStore(Limits())
    if media_type == PROTOBUF:
        spans = [make_span(1), make_span(0), make_span(1, span_id=b"short")]
        answer = await export(store, make_request(*spans).SerializeToString())
        partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
        assert (partial.rejected_spans, partial.error_message) == (2, "invalid span id")
    else:
        answer = await export(store, GOOD_JSON.replace(b"0202", b"02"), media_type=JSON)
        assert answer.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "invalid span id"}}
    assert answer.status == 200


async def test_a_span_of_absurd_size_is_left_out() -> None:
    """Built, it would take many times its size; its batch is taken without it."""
    store = TraceStore(Limits())
    huge = make_span(2, attributes={"text": "x" * 300_000})
    answer = await export(store, make_request(make_span(1), huge).SerializeToString())
    assert ExportTraceServiceResponse.FromString(answer.body).partial_success.rejected_spans == 1
    assert store.span_count == 1


async def test_garbage_is_answered_400_and_stores_nothing() -> None:
    """A batch with one malformed span is refused as a whole, in the request's own encoding."""
    store = TraceStore(Limits())
    malformed = GOOD + GOOD.replace(b"work", b"\xff\xff\xff\xff")
    for body, media_type in ((malformed, PROTOBUF), (b"garbage", PROTOBUF), (b"{", JSON)):
        answer = await export(store, body, media_type=media_type)
        assert (answer.status, error_code(answer)) == (400, 3)
        assert answer.headers["content-type"] == media_type
    assert store.span_count == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(GOOD, id="not compressed"),
        pytest.param(gzip.compress(GOOD)[:-1], id="cut off"),
        pytest.param(gzip.compress(GOOD)[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param(gzip.compress(GOOD) + b"x", id="followed by something"),
        pytest.param(zlib.compress(GOOD), id="zlib"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_broken_gzip_is_answered_400(body: bytes) -> None:
    """What claims to be gzip must be gzip, whole and undamaged."""
    answer = await export(TraceStore(Limits()), body, content_encoding="gzip")
    assert (answer.status, error_code(answer)) == (400, 3)


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/protobuf", "multipart/form-data"])
async def test_other_types_are_answered_415(media_type: str) -> None:
    """Only OTLP's two encodings are taken."""
    answer = await export(TraceStore(Limits()), GOOD, media_type=media_type)
    assert (answer.status, error_code(answer)) == (415, 3)


async def test_other_compressions_are_answered_415() -> None:
    """A client that compresses otherwise is told so, and not that its data are garbage."""
    answer = await export(TraceStore(Limits()), GOOD, content_encoding="br")
    assert (answer.status, error_code(answer)) == (415, 3)


@pytest.mark.parametrize(("media_type", "limit"), [(PROTOBUF, MAX_BODY_BYTES), (JSON, MAX_JSON_BYTES)])
async def test_large_bodies_are_answered_413(media_type: str, limit: int) -> None:
    """Whether announced, sent or hidden in gzip, more than the limit is not taken."""
    store = TraceStore(Limits())
    announced = await export(store, b"", media_type=media_type, content_length=str(limit + 1))
    absurd = await export(store, b"", media_type=media_type, content_length="9" * 5_000)
    sent = await export(store, *[b"\0" * 2**20] * (limit // 2**20), b"\0", media_type=media_type)
    bomb = gzip.compress(b"\0" * (limit + 1))
    assert len(bomb) < limit / 500
    hidden = await export(store, bomb, media_type=media_type, content_encoding="gzip")
    for answer in (announced, absurd, sent, hidden):
        assert (answer.status, error_code(answer)) == (413, 8)


async def test_a_body_that_does_not_end_is_answered_408() -> None:
    """A sender has a few seconds for a body; then its place is free again."""
    client = Client(otlp_app(TraceStore(Limits()), body_timeout=0.01))
    unfinished = await client.send(
        "POST", "/v1/traces", headers={"content-type": PROTOBUF}, chunks=[GOOD], finished=False
    )
    assert (unfinished.status, error_code(unfinished)) == (408, 4)


async def test_a_flood_is_answered_503_and_what_was_taken_is_finished() -> None:
    """Past a number of requests at once the sender is told to come again; the others succeed."""
    client, body = Client(otlp_app(TraceStore(Limits()))), make_request(*(make_span() for _ in range(600)))
    answers = await asyncio.gather(
        *(
            client.send(
                "POST", "/v1/traces", headers={"content-type": PROTOBUF}, chunks=[body.SerializeToString()]
            )
            for _ in range(40)
        )
    )
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {200, 503}
    assert {(error_code(answer), answer.headers["retry-after"]) for answer in refused} == {(14, "1")}


async def test_only_post_is_taken() -> None:
    """The path of OTLP has one method."""
    client = Client(otlp_app(TraceStore(Limits())))
    assert (await client.get("/v1/traces")).status == 405
    assert (await client.send("POST", "/v1/metrics")).status == 404
    assert (await client.get("/health")).status == 200
