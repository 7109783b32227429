"""The active span, and what a span says of an error."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, Status, StatusCode

from observability.redaction import redact_text


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
    if not span.is_recording():
        return  # a stack takes long to format, for nobody to see
    span.add_event("exception", exception_attributes(error))
    span.set_attribute("error.type", kind or error_type(error))
    span.set_status(Status(StatusCode.ERROR, redact_text(str(error))[:200]))


def exception_attributes(error: BaseException) -> dict[str, str]:
    """Return what the event of an exception says, free of personal data."""
    return {
        "exception.type": error_type(error),
        "exception.message": redact_text(str(error)),
        "exception.stacktrace": redact_text("".join(traceback.format_exception(error))),
    }


def error_type(error: BaseException) -> str:
    """Return the low-cardinality name of an error, as semconv/registry/attributes/error has it."""
    return type(error).__qualname__
