"""The query side: Jaeger 2's HTTP API v3, as far as reading traces goes."""

import asyncio
from collections.abc import AsyncIterator

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stack.backends.traces.kinds import kind_name
from stack.backends.traces.otlp_json import trace_json
from stack.backends.traces.parameters import (
    check_trace_parameters,
    parse_trace_id,
    text_parameter,
    trace_query,
)
from stack.backends.traces.search import find_traces
from stack.backends.traces.store import Trace, TraceStore
from stack.backends.traces.summary import summarize, summary_json

_JSON = "application/json"


class NoTracesError(LookupError):
    """Nothing has that id, or nothing matches."""


class QueryApi:
    """The handlers of the API's routes."""

    def __init__(self, store: TraceStore) -> None:
        """Take the store that is asked."""
        self._store = store

    async def services(self, _request: Request) -> Response:
        """``GET /api/v3/services``: the names of the services."""
        names = {operation.service for operation in self._store.operations()}
        return _json({"services": sorted(names)})

    async def operations(self, request: Request) -> Response:
        """``GET /api/v3/operations?service=&spanKind=``: what a service does."""
        service = text_parameter(request.query_params, "service", "query.service")
        kind = text_parameter(request.query_params, "spanKind", "span_kind", "query.spanKind")
        return _json(
            {
                "operations": [
                    {"name": operation.name, "spanKind": kind_name(operation.kind)}
                    for operation in self._store.operations()
                    if operation.service == service and kind in ("", kind_name(operation.kind))
                ]
            }
        )

    async def trace(self, request: Request) -> Response:
        """``GET /api/v3/traces/{trace_id}``: all spans of one trace."""
        trace_id = parse_trace_id(request.path_params["trace_id"])
        check_trace_parameters(request.query_params)
        trace = self._store.get(trace_id)
        if trace is None:
            raise NoTracesError("No traces found")
        return StreamingResponse(_stream([trace]), media_type=_JSON)

    async def traces(self, request: Request) -> Response:
        """``GET /api/v3/traces``: all spans of the traces that a query finds."""
        found = await find_traces(self._store, trace_query(request.query_params))
        if not found:
            raise NoTracesError("No traces found")
        return StreamingResponse(_stream(found), media_type=_JSON)

    async def summaries(self, request: Request) -> Response:
        """``GET /api/v3/trace-summaries``: a few numbers of each trace that a query finds."""
        found = await find_traces(self._store, trace_query(request.query_params))
        summaries = []
        for trace in found:
            summaries.append(summary_json(summarize(trace)))
            await asyncio.sleep(0)
        return _json({"summaries": summaries})


def bad_query(_request: Request, error: Exception) -> Response:
    """Answer a ``BadQueryError``."""
    return _error(400, str(error))


def no_traces(_request: Request, error: Exception) -> Response:
    """Answer a ``NoTracesError``."""
    return _error(404, str(error))


def _error(status: int, message: str) -> Response:
    return _json({"error": {"httpCode": status, "message": message}}, status)


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type=_JSON)


async def _stream(traces: list[Trace]) -> AsyncIterator[bytes]:
    """Yield the answer trace by trace, so that a large one neither piles up nor holds up the event loop."""
    separator = b'{"result":{"resourceSpans":['
    for trace in traces:
        yield separator + orjson.dumps(trace_json(trace))[1:-1]
        separator = b","
        await asyncio.sleep(0)
    yield b"]}}"
