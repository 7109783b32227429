"""The spans and metrics of AMQP messages: one middleware around publishing and one around processing.

Names: https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/. Messages are a service's own classes
(`services.common.messaging.messages`), which nothing here imports.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from time import perf_counter, time
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry, Counter

from observability.metrics import LONG_SECONDS_BUCKETS, exemplar, seconds, series
from observability.propagation import accept, active_span, correlated, extract, links_to, record_failure
from observability.redaction import redact_text

log = structlog.get_logger(__name__)

PublishBatch = Callable[[Sequence[Any]], Awaitable[Sequence[BaseException | None]]]
Process = Callable[[Any], Awaitable[Any]]  # takes a delivery and returns what becomes of it
Attributes = Mapping[str, AttributeValue]

LABELS = ("messaging_system", "messaging_operation_name", "messaging_destination_name", "error_type")
"""What the conventions have a metric of messaging say."""
NOWHERE: Attributes = {}
PUBLISH: Attributes = {"messaging.operation.name": "publish", "messaging.operation.type": "send"}
PROCESS: Attributes = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
UNEXPECTED = "_other"
"""Stands in labels for a routing key that nobody declared: a `CC` may bring a message with any key."""
LONGEST_WAIT_SECONDS = 30 * 86_400.0
"""A message that is older has a stranger's header, which would stay in the sum for ever."""


def message_attributes(message: Any, name: str) -> dict[str, AttributeValue]:  # noqa: ANN401 - see above
    """Return what a span says of a message; ids and keys are whatever its publisher put there."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": redact_text(name),
        "messaging.rabbitmq.destination.routing_key": redact_text(message.routing_key),
        "messaging.message.id": redact_text(message.message_id or ""),
        "messaging.message.conversation_id": redact_text(message.correlation_id or ""),
        "messaging.message.body.size": len(message.body),
    }


@lru_cache(maxsize=1024)  # few by nature; the bound is for keys that strangers make up
def destination(exchange: str, routing_key: str, queue: str = "") -> str:
    """Return `messaging.destination.name`: exchange, key and queue, each if set and not said before."""
    return ":".join(dict.fromkeys(part for part in (exchange, routing_key, queue) if part))


class PublisherMiddleware:
    """Wraps the publishing of batches: a PRODUCER span a message, whose context goes into its headers."""

    def __init__(self, tracer: Tracer, registry: CollectorRegistry, *, enabled: bool = True) -> None:
        """Register the metrics."""
        self._tracer, self._enabled = tracer, enabled
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

    def __call__(self, publish: PublishBatch, server: Attributes = NOWHERE) -> PublishBatch:
        """Return the function with a span a message, child of what its headers name; `server`: the broker."""

        async def observed(messages: Sequence[Any]) -> Sequence[BaseException | None]:
            spans = [self._start(message, server) for message in messages]
            began = perf_counter()
            cancelled = ConnectionAbortedError("publishing was cancelled")
            errors: Sequence[BaseException | None] = [cancelled] * len(spans)
            try:
                errors = await publish(messages)
            finally:
                elapsed = perf_counter() - began
                for message, span, error in zip(messages, spans, errors, strict=True):
                    if error is not None:
                        record_failure(span, error)
                    kind = "" if error is None else type(error).__qualname__
                    labels = ("rabbitmq", "publish", destination(message.exchange, message.routing_key), kind)
                    self._sent(*labels).inc()
                    self._duration(*labels).observe(elapsed, exemplar(span))
                    span.end()
            return errors

        return observed if self._enabled else publish

    def _start(self, message: Any, server: Attributes) -> Span:  # noqa: ANN401 - a service's own class
        parent, name = extract(message.headers), destination(message.exchange, message.routing_key)
        attributes = {**PUBLISH, **server, **message_attributes(message, name)}
        # There is a current span if an operator replays a message: the request for it, in its own trace.
        links = links_to(trace.get_current_span(), parent)
        span = self._tracer.start_span(f"publish {name}", parent, SpanKind.PRODUCER, attributes, links)
        propagate.inject(message.headers, trace.set_span_in_context(span, parent))
        return span


class ConsumerMiddleware:
    """Wraps the processing of deliveries: a CONSUMER span each, in its producer's trace or linked to it."""

    def __init__(  # noqa: PLR0913 - what deliveries are seen by
        self,
        tracer: Tracer,
        registry: CollectorRegistry,
        queue: str,
        *,
        linked: bool = False,
        routing_keys: Collection[str] = (),
        server: Attributes = NOWHERE,
        **known: Sequence[str],
    ) -> None:
        """Register the metrics; the series of known `outcomes`, `retries` and `dead_letters` exist at once.

        `linked` starts a trace of its own for each delivery; of routing keys, these alone become labels;
        `server` says where the broker is at the moment.
        """
        self._tracer, self._linked = tracer, linked
        self._keys, self._server = frozenset(routing_keys), server
        histogram, counter = partial(seconds, registry=registry), partial(Counter, registry=registry)
        duration = histogram(
            "messaging_process_duration_seconds", "Duration of processing a delivery.", LABELS
        )
        waited = histogram(
            "messaging_time_in_queue_seconds",
            "From the first publishing of a message to its first delivery.",
            ["queue"],
            buckets=LONG_SECONDS_BUCKETS,
        )
        labels, by = (*LABELS[:2], "queue", "outcome"), ("queue", "reason")
        consumed = counter("messaging_client_consumed_messages", "Deliveries by what became of them.", labels)
        retries = counter("consumer_retries", "Deliveries put off to a retry queue.", by)
        dead = counter("dead_letters", "Deliveries set aside for an operator.", by)
        self._duration, self._waited, self._consumed = series(duration), series(waited), series(consumed)
        self._retries, self._dead = series(retries), series(dead)
        counts: dict[str, Callable[..., object]] = {"retries": self._retries, "dead_letters": self._dead}
        counts["outcomes"] = partial(self._consumed, "rabbitmq", "process")
        for kind, values in known.items():
            for value in values:
                counts[kind](queue, value)

    def __call__(self, process: Process) -> Process:
        """Return the processing inside a span and the message's correlation id."""

        async def observed(delivery: Any) -> Any:  # noqa: ANN401 - see above
            identifier, producer = accept(delivery.correlation_id), extract(delivery.headers)
            span = self._start(delivery, producer, identifier)
            began = perf_counter()
            # An error that leaves the block, above all a cancellation, means that nothing was settled.
            with correlated(identifier), active_span(span, producer):
                settlement = await process(delivery)
                self._finish(span, delivery, settlement, perf_counter() - began)
                if settlement.action != "ack":  # a copy will be published
                    propagate.inject(settlement.context)
            return settlement

        return observed

    def _start(self, delivery: Any, producer: Context, identifier: str) -> Span:  # noqa: ANN401 - see above
        name = destination(delivery.exchange, delivery.routing_key, queue := delivery.queue)
        attributes = {**PROCESS, **self._server, **message_attributes(delivery, name)}
        attributes["messaging.message.conversation_id"] = attributes["correlation_id"] = identifier
        attributes["orderscope.delivery.attempt"] = delivery.attempt
        parent = Context() if self._linked else producer
        links = links_to(trace.get_current_span(producer), parent)
        return self._tracer.start_span(f"process {queue}", parent, SpanKind.CONSUMER, attributes, links)

    def _finish(self, span: Span, delivery: Any, settlement: Any, elapsed: float) -> None:  # noqa: ANN401 - see above
        queue, outcome, kind = delivery.queue, settlement.outcome, ""
        span.set_attribute("orderscope.outcome", outcome)
        if settlement.error is not None:
            record_failure(span, settlement.error, kind := outcome)
        expected = delivery.routing_key == queue or delivery.routing_key in self._keys
        name = destination(delivery.exchange, delivery.routing_key if expected else UNEXPECTED, queue)
        ids = exemplar(span)
        self._duration("rabbitmq", "process", name, kind).observe(elapsed, ids)
        if delivery.attempt == 1 and (published := delivery.first_published_at) is not None:
            waited = max(0.0, time() - elapsed - published / 1000)
            if waited < LONGEST_WAIT_SECONDS:
                self._waited(queue).observe(waited, ids)
        self._consumed("rabbitmq", "process", queue, outcome).inc()
        fields = {"queue": queue, "attempt": delivery.attempt, "duration_ms": round(elapsed * 1000, 2)}
        if settlement.action == "ack":
            log.info("message processed", outcome=outcome, **fields)
            return
        error = f"{type(settlement.error).__qualname__}: {settlement.error}"
        if settlement.action == "retry":
            self._retries(queue, outcome).inc()
            log.warning("message will be retried", reason=outcome, error=error, **fields)
        else:
            self._dead(queue, outcome).inc()
            log.error("message dead-lettered", reason=outcome, error=error, **fields)
