"""The correlation id: one for all that a client's request sets off, in every service."""

import re
from contextvars import ContextVar
from random import getrandbits

from opentelemetry import trace

from observability.at_hand import span_context
from observability.propagation import inject

_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)

# Short, and free of anything that could break out of a log line, a header or a query.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def correlation_id() -> str | None:
    """Return the correlation id of the work at hand."""
    return _current.get()


def accept(*candidates: str | None) -> str:
    """Return the first well-formed candidate, or a new id.

    Well formed: 1 to 128 letters, digits, `.`, `_`, `:` or `-`, beginning with a letter or a digit.
    """
    for candidate in candidates:
        if candidate and _WELL_FORMED.fullmatch(candidate):
            return candidate
    return f"{getrandbits(128):032x}"  # it needs to be nobody's secret, as little as a trace id


class Correlated:
    """Makes an id the one of everything that happens inside the block.

    A class, as a generator for each request costs several times as much.
    """

    __slots__ = ("_identifier", "_token")

    def __init__(self, identifier: str) -> None:
        """Keep the id."""
        self._identifier = identifier

    def __enter__(self) -> None:
        """Begin the block."""
        self._token = _current.set(self._identifier)

    def __exit__(self, *_: object) -> None:
        """End it, however it ends."""
        _current.reset(self._token)


def context_headers() -> dict[str, str]:
    """Return the `correlation_id` and the W3C trace context of the work at hand, to be sent along with it."""
    headers: dict[str, str] = {"correlation_id": accept(_current.get())}
    inject(headers)
    return headers


def current_ids() -> dict[str, str]:
    """Return `correlation_id` and, inside a span, `trace_id`: under these the work at hand is found."""
    ids = {"correlation_id": accept(_current.get())}
    span = span_context()
    return {**ids, "trace_id": trace.format_trace_id(span.trace_id)} if span.is_valid else ids
