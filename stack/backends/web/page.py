"""The shell of the backends' plain pages: one style, light and dark, no scripts."""

from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --dim: #667585; --paper: #fbfcfd; --line: #dde3ea;
  --accent: #1d6fd1; --bad: #c43333; --panel: #f1f4f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #dbe3ec; --dim: #8b9aab; --paper: #14191f;
  --line: #2a333d; --accent: #6cb0ff; --bad: #ff7b72; --panel: #1c232b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; } a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; } .dim { color: var(--dim); } .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; } th { font-weight: 600; color: var(--dim); }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; vertical-align: top; } .n { text-align: right; white-space: nowrap; }
input, select, button { font: inherit; color: inherit; background: var(--panel); padding: .25rem .5rem;
  border: 1px solid var(--line); border-radius: .3rem; } form { margin-bottom: 1rem; }
pre { background: var(--panel); padding: .8rem; border-radius: .4rem; white-space: pre-wrap;
  overflow-wrap: anywhere; } code, pre { font-size: .87rem; } summary { cursor: pointer; }
"""

# Whatever a span or a mail holds, it cannot run, load or send anything.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(title: str, body: str, *, style: str = "", status: int = 200) -> HTMLResponse:
    """Return a whole page.

    Args:
        title: Plain text; it is escaped here.
        body: HTML, in which everything foreign is already escaped.
        style: CSS of this page alone.
        status: The HTTP status.
    """
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head>"
    )
    content = f"{head}<body><h1>{escape(title)}</h1>{body}</body></html>"
    return HTMLResponse(content, status_code=status, headers=_HEADERS)
