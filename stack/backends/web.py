"""The plain pages of both backends."""

from collections.abc import Iterable
from html import escape

from starlette.responses import HTMLResponse

HOST = "127.0.0.1"
"""Both serve this machine only."""
STYLE = """
:root { color-scheme: light dark } body { font: 15px/1.5 system-ui; max-width: 75rem; margin: 2rem auto }
table { border-collapse: collapse } td { overflow-wrap: anywhere; white-space: pre-wrap }
td { border-bottom: 1px solid #8884; padding: .3rem .6rem; vertical-align: top }
"""
# Whatever a span or an email holds, it cannot run, load or send anything.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(title: str, rows: Iterable[Iterable[str]]) -> HTMLResponse:
    """Return a page: a title, which is plain text, and a table whose cells are HTML already."""
    lines = (f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    content = f"{head}<style>{STYLE}</style><h1>{escape(title)}</h1><table>{''.join(lines)}</table>"
    return HTMLResponse(content, headers=HEADERS)
