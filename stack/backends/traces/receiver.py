"""The OTLP/HTTP side: takes traces at ``POST /v1/traces``.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import asyncio

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from stack.backends.traces.batch import split_protobuf
from stack.backends.traces.inflate import CorruptError, ExpandsTooFarError, gunzip
from stack.backends.traces.ingest import Outcome, ingest
from stack.backends.traces.json_batch import split_json
from stack.backends.traces.spans import MalformedError, Origin
from stack.backends.traces.status import JSON, PROTOBUF, RejectedError, failure
from stack.backends.traces.store import TraceStore
from stack.backends.web.body import BODY_TIMEOUT, BodyTooLargeError, BodyTooSlowError, read_body
from stack.backends.web.health import health

MAX_BODY_BYTES = 16 * 2**20
# JSON takes up to 30 times its size once decoded.
MAX_JSON_BYTES = 4 * 2**20
# Requests whose bodies are held at once; an exporter retries after a 503.
_MAX_REQUESTS = 16


class Receiver:
    """Handles export requests: many are read at once, one is decoded at a time."""

    def __init__(self, store: TraceStore, body_timeout: float) -> None:
        """Take the store that receives the spans, and the seconds that a body may take."""
        self._store = store
        self._body_timeout = body_timeout
        self._slots = asyncio.Semaphore(_MAX_REQUESTS)
        self._decoding = asyncio.Lock()

    async def export(self, request: Request) -> Response:
        """Answer one export request."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            return _success(await self._take(request, media_type), media_type)
        except RejectedError as error:
            return failure(error, media_type)

    async def _take(self, request: Request, media_type: str) -> Outcome:
        if media_type not in (PROTOBUF, JSON):
            raise RejectedError(415, f"Content-Type must be {PROTOBUF} or {JSON}")
        if self._slots.locked():
            raise RejectedError(503, "too many requests at once")
        async with self._slots:
            limit = MAX_JSON_BYTES if media_type == JSON else MAX_BODY_BYTES
            body = await _body(request, limit, self._body_timeout)
            async with self._decoding:
                try:
                    return await ingest(await _split(body, media_type), self._store)
                except MalformedError as error:
                    raise RejectedError(400, str(error)) from None


def otlp_app(store: TraceStore, *, body_timeout: float = BODY_TIMEOUT) -> Starlette:
    """Return the application of the OTLP port."""
    receiver = Receiver(store, body_timeout)
    return Starlette(
        routes=[
            Route("/v1/traces", receiver.export, methods=["POST"]),
            Route("/health", health),
        ]
    )


async def _body(request: Request, limit: int, timeout_seconds: float) -> bytes:
    """Return the decompressed body."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise RejectedError(415, "Content-Encoding must be gzip or identity")
    try:
        body = await read_body(request, limit, timeout_seconds)
        return gunzip(body, limit) if encoding == "gzip" else body
    except (BodyTooLargeError, ExpandsTooFarError) as error:
        raise RejectedError(413, str(error)) from None
    except BodyTooSlowError as error:
        raise RejectedError(408, str(error)) from None
    except (CorruptError, ClientDisconnect) as error:
        raise RejectedError(400, str(error) or "the body was cut off") from None


async def _split(body: bytes, media_type: str) -> list[tuple[Origin, bytes]]:
    if media_type == PROTOBUF:
        return split_protobuf(body)
    # Slow enough to need a thread, lest queries wait for it.
    return await asyncio.to_thread(split_json, body)


def _success(outcome: Outcome, media_type: str) -> Response:
    """Return an ExportTraceServiceResponse: empty, or with a partial success."""
    if media_type == PROTOBUF:
        response = ExportTraceServiceResponse()
        if outcome.rejected:
            response.partial_success.rejected_spans = outcome.rejected
            response.partial_success.error_message = outcome.reason
        return Response(response.SerializeToString(), media_type=PROTOBUF)
    partial = {"rejectedSpans": str(outcome.rejected), "errorMessage": outcome.reason}
    return Response(orjson.dumps({"partialSuccess": partial} if outcome.rejected else {}), media_type=JSON)
