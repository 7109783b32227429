"""The trace store's application: OTLP in, Jaeger's HTTP API (version 3) and two pages out."""

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stack.backends.traces import api, pages
from stack.backends.traces.receiver import export
from stack.backends.traces.store import TraceStore


def trace_app(store: TraceStore) -> Starlette:
    """Return the application."""
    app = Starlette(
        routes=[
            Route("/v1/traces", export, methods=["POST"]),
            Route("/api/v3/services", api.services),
            Route("/api/v3/operations", api.operations),
            Route("/api/v3/traces", api.traces),
            Route("/api/v3/traces/{trace_id}", api.trace),
            Route("/", pages.latest),
            Route("/trace/{trace_id}", pages.trace),
        ],
        exception_handlers={ValidationError: refuse, HTTPException: refuse},
    )
    app.state.store = store
    return app


async def refuse(_request: Request, error: Exception) -> Response:
    """Answer an error in Jaeger's shape."""
    status, message = 400, str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    elif isinstance(error, HTTPException):
        status, message = error.status_code, error.detail
    return api.answer({"error": {"httpCode": status, "message": message}}, status)
