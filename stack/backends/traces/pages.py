"""Two plain pages for people without Jaeger, at the addresses that Jaeger's UI has."""

from html import escape

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from stack.backends.traces.listing import search_form, trace_table
from stack.backends.traces.parameters import (
    BadQueryError,
    parameter,
    parse_attributes,
    parse_depth,
    parse_trace_id,
    text_parameter,
)
from stack.backends.traces.search import TraceQuery, find_traces
from stack.backends.traces.store import Trace, TraceStore
from stack.backends.traces.summary import summarize
from stack.backends.traces.text import duration_text, time_text
from stack.backends.traces.times import parse_duration
from stack.backends.traces.waterfall import STYLE, waterfall
from stack.backends.web.page import page

_DEFAULT_LIMIT, _MAX_LIMIT = 50, 500
_END_OF_TIME = 2**64
_UNKNOWN = "<p>No such trace: it never came, or newer ones took its place.</p>"


class Pages:
    """The handlers of the pages."""

    def __init__(self, store: TraceStore) -> None:
        """Take the store that is shown."""
        self._store = store

    async def recent(self, request: Request) -> Response:
        """``GET /`` and ``GET /search``: the latest traces, or those that a query finds."""
        form = search_form(request.query_params, sorted({item.service for item in self._store.operations()}))
        try:
            found = await find_traces(self._store, _query(request.query_params))
        except BadQueryError as error:
            return page("Traces", f'{form}<p class="bad">{escape(str(error))}</p>', status=400)
        return page("Traces", form + trace_table([summarize(trace) for trace in found]))

    async def trace(self, request: Request) -> Response:
        """``GET /trace/{trace_id}``: one trace as a waterfall."""
        try:
            trace = self._store.get(parse_trace_id(request.path_params["trace_id"]))
        except BadQueryError as error:
            return page("Trace", f'<p class="bad">{escape(str(error))}</p>', status=400)
        return page("Trace", _UNKNOWN, status=404) if trace is None else _trace_page(trace)


def _trace_page(trace: Trace) -> Response:
    summary = summarize(trace)
    title = f"{summary.root_service}: {summary.root_operation}" if summary.root_service else "Trace"
    head = (
        f'<p><a href="/">All traces</a> &ensp; <code>{summary.trace_id}</code> &ensp; '
        f"{time_text(summary.start)} UTC &ensp; {duration_text(summary.end - summary.start)} &ensp; "
        f'{summary.span_count} spans &ensp; <a href="/api/v3/traces/{summary.trace_id}">JSON</a></p>'
    )
    return page(title, head + waterfall(trace, summary), style=STYLE)


def _query(params: QueryParams) -> TraceQuery:
    """Return the query in the parameters of the search page of Jaeger's UI."""
    return TraceQuery(
        service=text_parameter(params, "service"),
        operation=text_parameter(params, "operation"),
        attributes=parameter(params, ("tags",), _parse_tags, {}),
        start_min=0,
        start_max=_END_OF_TIME,
        duration_min=parameter(params, ("minDuration",), parse_duration, 0),
        duration_max=parameter(params, ("maxDuration",), parse_duration, 0),
        depth=min(parameter(params, ("limit",), parse_depth, _DEFAULT_LIMIT), _MAX_LIMIT),
    )


def _parse_tags(text: str) -> dict[str, str]:
    """Parse tags as a link has them, a JSON object, or as people type them: ``key=value key=value``."""
    if text.lstrip().startswith("{"):
        return dict(parse_attributes(text))
    pairs = [word.partition("=") for word in text.split()]
    if not all(separator for _, separator, _ in pairs):
        raise ValueError("not of the form key=value")
    return {key: value for key, _, value in pairs}
