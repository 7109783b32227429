"""The list of traces as HTML, and the form that asks for another one."""

from html import escape

from starlette.datastructures import QueryParams

from stack.backends.traces.summary import Summary
from stack.backends.traces.text import duration_text, time_text

_HEAD = (
    "<tr><th>Started (UTC)</th><th>Service</th><th>Operation</th><th>Services</th>"
    '<th class="n">Spans</th><th class="n">Duration</th></tr>'
)


def search_form(params: QueryParams, services: list[str]) -> str:
    """Return the form, filled in with what was asked for."""
    chosen = params.get("service", "")
    options = "".join(
        f"<option{' selected' if name == chosen else ''}>{escape(name)}</option>" for name in services
    )
    tags = escape(params.get("tags", ""))
    return (
        f'<form action="/search"><select name="service" aria-label="service"><option value="">any service'
        f'</option>{options}</select> <input name="tags" size="50" placeholder="key=value key=value" '
        f'aria-label="attributes" value="{tags}"> <button>Find</button></form>'
    )


def trace_table(summaries: list[Summary]) -> str:
    """Return the table, a row for each trace."""
    if not summaries:
        return "<p>No traces.</p>"
    return f"<table>{_HEAD}{''.join(_row(summary) for summary in summaries)}</table>"


def _row(summary: Summary) -> str:
    errors = f' <span class="bad">{summary.error_count} failed</span>' if summary.error_count else ""
    operation = escape(summary.root_operation) or "(its root is missing)"
    return (
        f'<tr><td class="dim">{time_text(summary.start)}</td><td>{escape(summary.root_service)}</td>'
        f'<td><a href="/trace/{summary.trace_id}">{operation}</a></td>'
        f"<td>{escape(', '.join(sorted(summary.spans_by_service)))}</td>"
        f'<td class="n">{summary.span_count}{errors}</td>'
        f'<td class="n">{duration_text(summary.end - summary.start)}</td></tr>'
    )
