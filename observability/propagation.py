"""Trace context in and out of headers, by OpenTelemetry's propagators (`OTEL_PROPAGATORS`)."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span

MAX_TRACESTATE = 512
"""Characters that everybody must pass on; a longer one would be in every span of the trace."""


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
