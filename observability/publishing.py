"""The PRODUCER side: a span a message, whose context goes into the message's headers."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Tracer
from prometheus_client import CollectorRegistry, Counter

from observability.messaging import LABELS, Outgoing, PublishBatch, destination, message_attributes
from observability.metrics import exemplar, seconds, series
from observability.propagation import extract, inject, links_to
from observability.spans import error_type, record_failure


class PublisherMiddleware:
    """Wraps the publishing of batches."""

    def __init__(self, tracer: Tracer, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._tracer = tracer
        sent = Counter(
            "messaging_client_sent_messages", "Messages that were to be sent.", LABELS, registry=registry
        )
        duration = seconds(
            "messaging_client_operation_duration_seconds",
            "Duration of publishing a batch, for each of its messages, until the last confirm.",
            LABELS,
            registry=registry,
        )
        self._sent, self._duration = series(sent), series(duration)

    def __call__(self, publish: PublishBatch[Outgoing]) -> PublishBatch[Outgoing]:
        """Return the function with a span, child of what the message's headers name, around each message."""

        async def observed(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
            spans = [self._start(message) for message in messages]
            began = perf_counter()
            cancelled = ConnectionAbortedError("publishing was cancelled")
            errors: Sequence[BaseException | None] = [cancelled] * len(spans)
            try:
                errors = await publish(messages)
            finally:
                elapsed = perf_counter() - began
                for message, span, error in zip(messages, spans, errors, strict=True):
                    self._end(message, span, error, elapsed)
            return errors

        return observed

    def _start(self, message: Any) -> Span:  # noqa: ANN401 - see Outgoing
        parent, name = extract(message.headers), destination(message.exchange, message.routing_key)
        attributes = message_attributes(message, "publish", "send", name)
        # There is a current span if an operator replays a message: his request, in its own trace.
        links = links_to(trace.get_current_span())
        span = self._tracer.start_span(f"publish {name}", parent, SpanKind.PRODUCER, attributes, links)
        inject(message.headers, trace.set_span_in_context(span, parent))
        return span

    def _end(self, message: Any, span: Span, error: BaseException | None, elapsed: float) -> None:  # noqa: ANN401 - see Outgoing
        if error is not None:
            record_failure(span, error)
        kind = "" if error is None else error_type(error)
        labels = ("rabbitmq", "publish", destination(message.exchange, message.routing_key), kind)
        self._sent(*labels).inc()
        self._duration(*labels).observe(elapsed, exemplar(span))
        span.end()
