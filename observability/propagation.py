"""What goes along with the work for a request: the correlation id, the active span, the trace context.

The trace context goes in and out of headers by OpenTelemetry's propagators (`OTEL_PROPAGATORS`).
"""

import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from random import getrandbits

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Link, Span, Status, StatusCode

from observability.redaction import redact_text

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
    propagate.inject(headers := {"correlation_id": accept(_current.get())})
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


def links_to(span: Span) -> list[Link]:
    """Return a link to a span, if it is one."""
    context = span.get_span_context()
    return [Link(context)] if context.is_valid else []


@contextmanager
def active_span(span: Span, context: Context | None = None) -> Iterator[Span]:
    """Make a span the active one and end it on leaving; an error marks the span and passes.

    Unlike `trace.use_span` it takes a context, so that the baggage of a message or request comes along, and
    keeps personal data out of what is said of the error.
    """
    token = attach(trace.set_span_in_context(span, context))
    try:
        yield span
    except BaseException as error:
        record_failure(span, error)
        raise
    finally:
        detach(token)
        span.end()


def record_failure(span: Span, error: BaseException, kind: str = "") -> None:
    """Mark a span as failed: status, `error.type` and the exception as an event, free of personal data."""
    if span.is_recording():  # otherwise nobody would see the stack, which takes long to format
        span.add_event("exception", exception_attributes(error))
        span.set_attribute("error.type", kind or type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR, redact_text(str(error))[:200]))


def exception_attributes(error: BaseException) -> dict[str, str]:
    """Return what the event of an exception says, free of personal data."""
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": redact_text(str(error)),
        "exception.stacktrace": redact_text("".join(traceback.format_exception(error))),
    }
