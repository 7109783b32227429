"""Spans around plain async functions."""

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from observability.fixed import FixedAttributes
from observability.redaction import redact_text

P = ParamSpec("P")
R = TypeVar("R")


def redis_command(operation: str) -> Mapping[str, AttributeValue]:
    """Return the attributes of a command, named as semconv/database/redis has them."""
    return {"db.system.name": "redis", "db.operation.name": operation}


class RunScript(Protocol):
    """Runs a Lua script in Redis by name."""

    async def __call__(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:  # noqa: ANN401 - replies are as varied as scripts
        """Return the script's reply."""


def traced_scripts(tracer: Tracer, run: RunScript, names: Mapping[str, str]) -> RunScript:
    """Return the runner with a span around those scripts that have a span's name.

    It does not become the current one: scripts of many go out together, in nobody's context.
    """
    attributes = {
        name: FixedAttributes({**redis_command("EVALSHA"), "db.stored_procedure.name": name})
        for name in names
    }

    async def traced_run(name: str, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:  # noqa: ANN401 - see RunScript
        if name not in names:
            return await run(name, keys, args)
        span = tracer.start_span(names[name], kind=SpanKind.CLIENT, attributes=attributes[name])
        try:
            return await run(name, keys, args)
        except BaseException as error:
            failed(span, error)
            raise
        finally:
            span.end()

    return traced_run


def traced(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Return a decorator that runs a function inside a span; an error marks the span and passes."""
    fixed = FixedAttributes(attributes)

    def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            span = tracer.start_span(name, kind=kind, attributes=fixed)
            with Inside(span):
                try:
                    return await function(*args, **kwargs)
                except BaseException as error:
                    failed(span, error)
                    raise

        return run

    return decorate


class Inside:
    """Makes a span the current one, beside what else is in a context, and ends it on leaving.

    By default in the context at hand. It is what `trace.use_span` does, without a generator.
    """

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, span: Span, context: Context | None = None) -> None:
        """Keep both; with the parent's context a message's baggage comes along."""
        self._span = span
        self._context = context

    def __enter__(self) -> None:
        """Begin the block."""
        self._token = attach(trace.set_span_in_context(self._span, self._context))

    def __exit__(self, *_: object) -> None:
        """End it, however it ends."""
        detach(self._token)
        self._span.end()


def failed(span: Span, error: BaseException) -> None:
    """Mark a span as failed: status, `error.type`, and the exception as an event, free of personal data."""
    if not span.is_recording():
        return  # a stack takes long to format, for nobody to see
    text = redact_text(str(error))
    stack = redact_text("".join(traceback.format_exception(error)))
    span.add_event(
        "exception",
        {"exception.type": error_type(error), "exception.message": text, "exception.stacktrace": stack},
    )
    span.set_attribute("error.type", error_type(error))
    span.set_status(Status(StatusCode.ERROR, text[:200]))


def error_type(error: BaseException) -> str:
    """Return the low-cardinality name of an error, as semconv/registry/attributes/error has it."""
    return type(error).__qualname__
