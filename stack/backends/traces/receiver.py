"""The handler of OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

import asyncio
import zlib

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has no stubs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from orjson import JSONEncodeError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stack.backends.traces.api import answer, store_of
from stack.backends.traces.otlp import from_json, from_protobuf

MAX_BYTES = 4 * 2**20  # of a body, also inflated; decoded, it takes up to 30 times as much
BODY_SECONDS = 10.0
GZIP = 16 + zlib.MAX_WBITS
PROTOBUF, JSON = "application/x-protobuf", "application/json"
DECODERS = {PROTOBUF: from_protobuf, JSON: from_json}
FULL = "their traces are full"


async def export(request: Request) -> Response:
    """Keep the spans of a request, and say how many of them were refused."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type not in DECODERS or encoding not in ("identity", "gzip"):
        raise HTTPException(415, f"send {PROTOBUF} or {JSON}, as it is or with gzip")
    try:
        body = await _body(request)
        spans = DECODERS[media_type](gunzip(body) if encoding == "gzip" else body)
        refused = store_of(request).add(spans)
    except (ClientDisconnect, DecodeError, JSONEncodeError, zlib.error) as error:
        raise HTTPException(400, f"malformed body: {error}") from None
    if media_type == JSON:
        partial = {"rejectedSpans": str(refused), "errorMessage": FULL}
        return answer({"partialSuccess": partial} if refused else {})
    response = ExportTraceServiceResponse()
    if refused:
        response.partial_success.rejected_spans = refused
        response.partial_success.error_message = FULL
    return Response(response.SerializeToString(), media_type=PROTOBUF)


def gunzip(body: bytes) -> bytes:
    """Return the content of one gzip stream, of which no more than the limit is inflated."""
    stream = zlib.decompressobj(GZIP)
    content = stream.decompress(body, MAX_BYTES)
    if not stream.eof or stream.unused_data:
        raise HTTPException(400, f"not one gzip stream of at most {MAX_BYTES} bytes")
    return content


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise HTTPException(413, f"the body has more than {MAX_BYTES} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {BODY_SECONDS:g} s") from None
    return bytes(body)
