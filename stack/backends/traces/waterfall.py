"""A trace as a waterfall in plain HTML: a bar for each span, its details unfolded by a click."""

from collections.abc import Iterator
from html import escape
from itertools import islice

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.kinds import STATUS_ERROR, kind_name
from stack.backends.traces.spans import StoredSpan
from stack.backends.traces.store import Trace
from stack.backends.traces.summary import Summary
from stack.backends.traces.text import duration_text
from stack.backends.traces.tree import Row, rows
from stack.backends.traces.values import value_text

STYLE = """
.row > summary { display: grid; grid-template-columns: 26rem 1fr 5.5rem; gap: .8rem; align-items: center;
  border-bottom: 1px solid var(--line); padding: .2rem 0; list-style: none; }
.row > summary:hover { background: var(--panel); }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.track { position: relative; height: .8rem; }
.bar { position: absolute; top: 0; bottom: 0; border-radius: .15rem; min-width: 2px; }
.swatch { display: inline-block; width: .6rem; height: .6rem; border-radius: .15rem; margin-right: .4rem; }
.row table { margin: .4rem 0 1rem; font-size: .87rem; } .row td:first-child { width: 22rem; }
"""

_HUES = (212, 28, 150, 275, 340, 55, 185, 0)
_MAX_ROWS = 1_000
_MAX_INDENT = 12


def waterfall(trace: Trace, summary: Summary) -> str:
    """Return the waterfall as HTML, at most its first thousand spans."""
    services = sorted(summary.spans_by_service)
    colours = {name: f"hsl({_HUES[number % len(_HUES)]} 60% 52%)" for number, name in enumerate(services)}
    legend = " &ensp; ".join(f"{_swatch(colours[name])}{escape(name)}" for name in services)
    shown = (_row(row, summary, colours[row.origin.service]) for row in islice(rows(trace), _MAX_ROWS))
    return f"<p>{legend}</p>{''.join(shown)}"


def _row(row: Row, summary: Summary, colour: str) -> str:
    span = row.span
    # A span without a length, or a trace without one, is a line.
    whole = max(summary.end - summary.start, 1)
    left = 100 * (span.start - summary.start) / whole
    width = max(100 * span.duration / whole, 0)
    mark = ' <span class="bad">error</span>' if span.status == STATUS_ERROR else ""
    return (
        f'<details class="row"><summary><span class="name" style="padding-left:'
        f'{min(row.depth, _MAX_INDENT)}rem">{_swatch(colour)}{escape(span.name)}{mark}</span>'
        f'<span class="track"><span class="bar" style="left:{left:.2f}%;width:{width:.2f}%;'
        f'background:{colour}"></span></span><span class="n">{duration_text(span.duration)}</span></summary>'
        f"<table>{''.join(_details(row.origin.service, span, summary.start))}</table></details>"
    )


def _details(service: str, stored: StoredSpan, trace_start: int) -> Iterator[str]:
    span = Span.FromString(stored.encoded)
    yield _line("service", service)
    yield _line("kind", kind_name(stored.kind))
    yield _line("starts after", duration_text(stored.start - trace_start))
    if span.status.message:
        yield _line("status", span.status.message)
    for attribute in span.attributes:
        yield _line(attribute.key, value_text(attribute.value))
    for event in span.events:
        texts = [f"{item.key}={value_text(item.value)}" for item in event.attributes]
        yield _line(f"event {event.name}", "\n".join(texts))
    for link in span.links:
        yield _line("link", f"trace {link.trace_id.hex()}, span {link.span_id.hex()}")


def _line(key: str, value: str) -> str:
    return f'<tr><td class="dim">{escape(key)}</td><td>{escape(value)}</td></tr>'


def _swatch(colour: str) -> str:
    return f'<span class="swatch" style="background:{colour}"></span>'
