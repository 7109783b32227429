"""Two plain pages at the addresses that Jaeger's UI has: the latest traces, and the spans of one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from itertools import islice

import orjson
from starlette.requests import Request
from starlette.responses import Response

from stack.backends.traces.api import spans_of, store_of
from stack.backends.traces.query import attributes
from stack.backends.traces.store import Span
from stack.backends.web import page


async def latest(request: Request) -> Response:
    """Show the latest traces."""
    newest = islice(reversed(store_of(request).traces.items()), 100)
    head = ("Started (UTC)", "Service", "Operation", "Spans", "Failed", "Duration")
    return page("Traces", [head, *(_summary(*trace) for trace in newest)])


async def trace(request: Request) -> Response:
    """Show one trace, its spans in the order of their start."""
    spans = sorted(spans_of(request), key=lambda span: span.start)
    head = ("After", "Duration", "Service", "Span", "Attributes")
    return page("Trace", [head, *(_row(span, spans[0].start) for span in spans)])


def _summary(trace_id: str, trace: Mapping[str, Span]) -> tuple[str, ...]:
    spans = trace.values()
    first, end = min(spans, key=lambda span: span.start), max(span.end for span in spans)
    started = f"{datetime.fromtimestamp(first.start // 10**9, UTC):%Y-%m-%d %H:%M:%S}"
    link = f'<a href="/trace/{trace_id}">{escape(first.name) or trace_id}</a>'
    failed = sum(span.failed for span in spans)
    return started, escape(first.service), link, str(len(spans)), str(failed or ""), _ms(end - first.start)


def _row(span: Span, begun: int) -> tuple[str, ...]:
    lines = ["failed"] if span.failed else []
    lines += [f"{key}={text}" for key, text in attributes(orjson.loads(span.encoded))]
    times = _ms(span.start - begun), _ms(span.end - span.start)
    return *times, escape(span.service), escape(span.name), escape("\n".join(lines))


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.1f} ms"
