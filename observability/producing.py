"""The PRODUCER side: a span a message, whose context goes into the message's headers."""

from collections.abc import Sequence
from functools import lru_cache
from time import perf_counter

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind, Tracer
from prometheus_client import CollectorRegistry

from observability.at_hand import span_context
from observability.fixed import Extended, FixedAttributes
from observability.messaging import (
    OPERATION_LABELS,
    RABBITMQ,
    SYSTEM,
    Out,
    OutgoingMessage,
    PublishBatch,
    destination,
)
from observability.metrics import exemplar, seconds
from observability.propagation import extract, inject
from observability.redaction import redact_text
from observability.series import counter
from observability.spans import error_type, failed

OPERATION = "publish"


class PublisherMiddleware:
    """Wraps the publishing of batches."""

    def __init__(self, tracer: Tracer, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._tracer = tracer
        labels = [*OPERATION_LABELS, "messaging_destination_name", "error_type"]
        self._sent = counter(
            registry, "messaging_client_sent_messages", "Messages that were to be sent.", labels
        )
        self._duration = seconds(
            registry,
            "messaging_client_operation_duration_seconds",
            "Duration of publishing a batch, for each of its messages, until the last confirm.",
            labels,
        )

    def __call__(self, publish: PublishBatch[Out]) -> PublishBatch[Out]:
        """Return the function with a span, child of what the message tells of, around each message."""

        async def observed(messages: Sequence[Out]) -> Sequence[BaseException | None]:
            spans = [self._start(message) for message in messages]
            began = perf_counter()
            errors: Sequence[BaseException | None] = [
                ConnectionAbortedError("publishing was cancelled")
            ] * len(spans)
            try:
                errors = await publish(messages)
            finally:
                elapsed = perf_counter() - began
                for message, span, error in zip(messages, spans, errors, strict=True):
                    self._end(message, span, error, elapsed)
            return errors

        return observed

    def _start(self, message: OutgoingMessage) -> Span:
        parent = extract(message.headers)
        # The request of an operator who replays a message, which is in a trace of its own.
        asked = span_context()
        span = self._tracer.start_span(
            f"publish {destination(message.exchange, message.routing_key)}",
            context=parent,
            kind=SpanKind.PRODUCER,
            links=[Link(asked)] if asked.is_valid else None,
            attributes=Extended(
                {
                    # Of a replay they are whatever the letter's publisher put there.
                    "messaging.message.id": redact_text(message.message_id),
                    "messaging.message.conversation_id": redact_text(message.correlation_id),
                    "messaging.message.body.size": len(message.body),
                },
                _common(message.exchange, message.routing_key),
            ),
        )
        inject(message.headers, trace.set_span_in_context(span, parent))
        return span

    def _end(self, message: OutgoingMessage, span: Span, error: BaseException | None, elapsed: float) -> None:
        name = destination(message.exchange, message.routing_key)
        kind = "" if error is None else error_type(error)
        if error is not None:
            failed(span, error)
        self._sent.at(RABBITMQ, OPERATION, name, kind).add()
        self._duration.at(RABBITMQ, OPERATION, name, kind).observe(elapsed, exemplar(span))
        span.end()


@lru_cache(maxsize=1024)  # few by nature; the bound is for keys that strangers make up
def _common(exchange: str, routing_key: str) -> FixedAttributes:
    """Return what all spans that publish there have in common."""
    return FixedAttributes(
        {
            **SYSTEM,
            "messaging.operation.name": OPERATION,
            "messaging.operation.type": "send",
            "messaging.destination.name": destination(exchange, routing_key),
            "messaging.rabbitmq.destination.routing_key": routing_key,
        }
    )
