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
from opentelemetry.trace import Link, Span, Status, StatusCode, TraceState

from observability.redaction import redact_text

# Short, and free of anything that could break out of a log line, a header or a query.
WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
MAX_TRACESTATE = 512
"""Characters that everybody must pass on; a longer one would be in every span of the trace."""
CHILD_OF = {"opentracing.ref_type": "child_of"}
"""Without it Jaeger keeps a link to the parent instead of the parent, and there the trace falls apart."""
_current: ContextVar[str | None] = ContextVar("correlation_id", default=None)
correlation_id = _current.get  # returns the current correlation id, or None


def accept(*candidates: str | None) -> str:
    """Return the first well-formed candidate for a correlation id, or a new id."""
    well_formed = (one for one in candidates if one and WELL_FORMED.fullmatch(one))
    return next(well_formed, "") or f"{getrandbits(128):032x}"  # it is as little of a secret as a trace id


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
    """Return the current `correlation_id` and, inside a span, its ids and whether it was sampled.

    Names: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/.
    """
    current, span = _current.get(), trace.get_current_span().get_span_context()
    ids = {} if current is None else {"correlation_id": current}
    if span.is_valid:
        ids["trace_id"], ids["span_id"] = f"{span.trace_id:032x}", f"{span.span_id:016x}"
        ids["trace_flags"] = f"{span.trace_flags:02x}"
    return ids


def extract(headers: Mapping[str, object]) -> Context:
    """Return the context that headers carry, and nothing else; what is no text counts as none."""
    texts = {name: value for name, value in headers.items() if isinstance(value, str)}
    if state := texts.get("tracestate"):
        texts["tracestate"] = _known_members(state)
    return propagate.extract(texts, context=Context())


def _known_members(state: str) -> str:
    """Return a `tracestate` without the members for which OpenTelemetry's parser empties the whole list.

    Of a key that stands twice the first counts: the latest entry is the leftmost
    (https://www.w3.org/TR/trace-context-2/#mutating-the-tracestate-field).
    """
    members = dict[str, str]()
    for member in state.split(",") if len(state) <= MAX_TRACESTATE else ():
        for key, value in TraceState.from_header([member]).items():
            members.setdefault(key, value)
    return ",".join(f"{key}={value}" for key, value in members.items())


def links_to(span: Span, parent: Context) -> list[Link]:
    """Return a link to a span, if it is one; the link says when that is the parent at the same time."""
    context = span.get_span_context()
    own = trace.get_current_span(parent).get_span_context().span_id == context.span_id
    return [Link(context, CHILD_OF if own else None)] if context.is_valid else []


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
