"""The handlers of Jaeger's HTTP API, version 3, as far as reading traces goes."""

import re

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stack.backends.traces.query import Query, find
from stack.backends.traces.store import Span, TraceStore, document

KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
"""Jaeger's names of OTLP's numbers; an unspecified kind counts as internal."""
TRACE_ID = re.compile("[0-9a-fA-F]{1,32}")


async def services(request: Request) -> Response:
    """Return the names of all services."""
    return answer({"services": sorted({service for service, _, _ in store_of(request).operations()})})


async def operations(request: Request) -> Response:
    """Return the operations of a service, of one kind or of all."""
    service, kind = (request.query_params.get(name, "") for name in ("service", "spanKind"))
    found = {(name, KINDS[number]) for of, name, number in store_of(request).operations() if of == service}
    chosen = [{"name": name, "spanKind": its} for name, its in sorted(found) if kind in ("", its)]
    return answer({"operations": chosen})


async def trace(request: Request) -> Response:
    """Return all spans of a trace."""
    return answer({"result": document(spans_of(request))})


async def traces(request: Request) -> Response:
    """Return all spans of the traces that a query finds."""
    given = {name: value for name, value in request.query_params.items() if value}
    found = find(store_of(request), Query.model_validate(given))
    if not found:
        raise HTTPException(404, "No traces found")
    return answer({"result": document(span for trace in found for span in trace.values())})


def store_of(request: Request) -> TraceStore:
    """Return the application's store."""
    store: TraceStore = request.app.state.store
    return store


def spans_of(request: Request) -> list[Span]:
    """Return the spans of the trace whose id is in the path, where zeros on the left may be left out."""
    trace_id: str = request.path_params["trace_id"]
    if not TRACE_ID.fullmatch(trace_id):
        raise HTTPException(400, "malformed parameter trace_id: not 1 to 32 hex digits")
    spans = store_of(request).traces.get(trace_id.lower().zfill(32))
    if not spans:
        raise HTTPException(404, "No traces found")
    return list(spans.values())


def answer(content: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")
