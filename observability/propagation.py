"""What goes along with the work for a request, in every service: the correlation id and the trace context.

The trace context goes in and out of headers by OpenTelemetry's propagators (`OTEL_PROPAGATORS`).
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from random import getrandbits
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span

# Short, and free of anything that could break out of a log line, a header or a query.
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
MAX_TRACESTATE = 512
"""Characters that everybody must pass on; a longer one would be in every span of the trace."""
_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)
correlation_id = _current.get
"""Returns the current correlation id, or None."""


def accept(*candidates: str | None) -> str:
    """Return the first well-formed candidate for a correlation id, or a new id."""
    for candidate in candidates:
        if candidate and WELL_FORMED.fullmatch(candidate):
            return candidate
    return f"{getrandbits(128):032x}"  # it is as little of a secret as a trace id


@contextmanager
def correlated(identifier: str) -> Iterator[None]:
    """Make an id the current one inside the block."""
    token = _current.set(identifier)
    try:
        yield
    finally:
        _current.reset(token)


def context_headers() -> dict[str, str]:
    """Return the current `correlation_id` and trace context, to be sent along with a message."""
    headers = {"correlation_id": accept(_current.get())}
    inject(headers)
    return headers


def current_ids() -> dict[str, str]:
    """Return the current `correlation_id` and, inside a span, `trace_id`."""
    ids = {"correlation_id": accept(_current.get())}
    span = trace.get_current_span().get_span_context()
    return {**ids, "trace_id": trace.format_trace_id(span.trace_id)} if span.is_valid else ids


def extract(headers: Mapping[str, object]) -> Context:
    """Return the context that headers carry, and nothing else; what is no text counts as none."""
    texts = {name: value for name, value in headers.items() if isinstance(value, str)}
    if len(texts.get("tracestate", "")) > MAX_TRACESTATE:
        del texts["tracestate"]
    return propagate.extract(texts, context=Context())


def inject(headers: MutableMapping[str, Any], context: Context | None = None) -> None:
    """Add a context, by default the current one, to headers."""
    propagate.inject(headers, context)


def links_to(span: Span) -> list[Link]:
    """Return a link to a span, if it is one."""
    context = span.get_span_context()
    return [Link(context)] if context.is_valid else []
