"""The application of the query port: Jaeger's API, and pages for people."""

from starlette.applications import Starlette
from starlette.routing import Route

from stack.backends.traces.pages import Pages
from stack.backends.traces.parameters import BadQueryError
from stack.backends.traces.query import NoTracesError, QueryApi, bad_query, no_traces
from stack.backends.traces.store import TraceStore
from stack.backends.web.health import health


def query_app(store: TraceStore) -> Starlette:
    """Return the application of the query port."""
    api, pages = QueryApi(store), Pages(store)
    return Starlette(
        routes=[
            Route("/api/v3/services", api.services),
            Route("/api/v3/operations", api.operations),
            Route("/api/v3/traces", api.traces),
            Route("/api/v3/traces/{trace_id}", api.trace),
            Route("/api/v3/trace-summaries", api.summaries),
            Route("/", pages.recent),
            Route("/search", pages.recent),
            Route("/trace/{trace_id}", pages.trace),
            Route("/health", health),
        ],
        exception_handlers={BadQueryError: bad_query, NoTracesError: no_traces},
    )
