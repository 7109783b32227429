"""The correlation id: one for all that a client's request sets off, in every service."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from random import getrandbits

from opentelemetry import trace

from observability.propagation import inject

# Short, and free of anything that could break out of a log line, a header or a query.
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def correlation_id() -> str | None:
    """Return the current correlation id."""
    return _current.get()


def accept(*candidates: str | None) -> str:
    """Return the first well-formed candidate, or a new id; well formed is what `WELL_FORMED` matches."""
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
