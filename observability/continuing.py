"""Going on with work that began elsewhere: in its trace, under its correlation id."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import Link, SpanKind, Tracer
from opentelemetry.util.types import AttributeValue

from observability.at_hand import span_context
from observability.correlation import Correlated, accept
from observability.propagation import extract
from observability.spans import Inside, failed


@contextmanager
def continued(
    tracer: Tracer,
    name: str,
    headers: Mapping[str, object],
    *,
    kind: SpanKind,
    attributes: Mapping[str, AttributeValue],
) -> Iterator[None]:
    """Run the block in a span of the trace that a message's headers name.

    The span is linked to the one that is current outside: a replay belongs to the message's trace, and leads
    to the request of the operator who asked for it.
    """
    identifier = accept(str(headers.get("correlation_id", "")))
    parent = extract(headers)
    asked = span_context()
    span = tracer.start_span(
        name,
        context=parent,
        kind=kind,
        links=[Link(asked)] if asked.is_valid else [],
        attributes={**attributes, "correlation_id": identifier},
    )
    with Correlated(identifier), Inside(span, parent):
        try:
            yield
        except BaseException as error:
            failed(span, error)
            raise
