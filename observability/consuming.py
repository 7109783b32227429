"""The CONSUMER side: a span a delivery, in its producer's trace or linked to it."""

from collections.abc import Collection, Sequence
from time import perf_counter, time
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer
from prometheus_client import CollectorRegistry, Counter

from observability.correlation import accept, correlated
from observability.messaging import LABELS, Delivery, Process, Settlement, destination, message_attributes
from observability.metrics import LONG_SECONDS_BUCKETS, exemplar, seconds, series
from observability.propagation import extract, inject, links_to
from observability.spans import active_span, record_failure

log = structlog.get_logger("observability.messaging")

UNEXPECTED = "_other"
"""Stands in labels for a routing key that nobody declared: a `CC` may bring a message with any key."""
LONGEST_WAIT_SECONDS = 30 * 86_400.0
"""A message that is older has a stranger's header, which would stay in the sum for ever."""


class ConsumerMiddleware:
    """Wraps the processing of deliveries."""

    def __init__(
        self, tracer: Tracer, registry: CollectorRegistry, routing_keys: Collection[str], *, linked: bool
    ) -> None:
        """Register the metrics; `linked` starts a trace of its own for each delivery."""
        self._tracer, self._keys, self._linked = tracer, frozenset(routing_keys), linked
        duration = seconds(
            "messaging_process_duration_seconds",
            "Duration of processing a delivery.",
            LABELS,
            registry=registry,
        )
        waited = seconds(
            "messaging_time_in_queue_seconds",
            "From the first publishing of a message to its first delivery.",
            ["queue"],
            registry=registry,
            buckets=LONG_SECONDS_BUCKETS,
        )
        consumed = Counter(
            "messaging_client_consumed_messages",
            "Deliveries by what became of them.",
            [*LABELS[:2], "queue", "outcome"],
            registry=registry,
        )
        by = ["queue", "reason"]
        retries = Counter("consumer_retries", "Deliveries put off to a retry queue.", by, registry=registry)
        dead = Counter("dead_letters", "Deliveries set aside for an operator.", by, registry=registry)
        self._duration, self._waited = series(duration), series(waited)
        self._consumed, self._retries, self._dead = series(consumed), series(retries), series(dead)

    def predeclare(
        self, queue: str, retries: Sequence[str], dead_letters: Sequence[str], outcomes: Sequence[str] = ()
    ) -> None:
        """Have the series of known outcomes and failures exist from the start."""
        for outcome in outcomes:
            self._consumed("rabbitmq", "process", queue, outcome)
        for count, reasons in ((self._retries, retries), (self._dead, dead_letters)):
            for reason in reasons:
                count(queue, reason)

    def __call__(self, process: Process[Delivery, Settlement]) -> Process[Delivery, Settlement]:
        """Return the processing inside a span and the message's correlation id."""

        async def observed(delivery: Delivery) -> Settlement:
            identifier, producer = accept(delivery.correlation_id), extract(delivery.headers)
            span = self._start(delivery, producer, identifier)
            began = perf_counter()
            # An error that leaves the block, above all a cancellation, means that nothing was settled.
            with correlated(identifier), active_span(span, producer):
                settlement = await process(delivery)
                self._finish(span, delivery, settlement, perf_counter() - began)
                if settlement.action != "ack":  # a copy will be published
                    inject(settlement.context)
            return settlement

        return observed

    def _start(self, delivery: Any, producer: Context, identifier: str) -> Span:  # noqa: ANN401 - see Delivery
        name = destination(delivery.exchange, delivery.routing_key, delivery.queue)
        attributes = {
            **message_attributes(delivery, "process", "process", name),
            "messaging.message.conversation_id": identifier,
            "correlation_id": identifier,
            "orderscope.delivery.attempt": delivery.attempt,
        }
        parent = Context() if self._linked else producer
        links = links_to(trace.get_current_span(producer))
        return self._tracer.start_span(
            f"process {delivery.queue}", parent, SpanKind.CONSUMER, attributes, links
        )

    def _finish(self, span: Span, delivery: Any, settlement: Any, elapsed: float) -> None:  # noqa: ANN401 - see Delivery
        outcome, error = settlement.outcome, settlement.error
        span.set_attribute("orderscope.outcome", outcome)
        if error is not None:
            record_failure(span, error, outcome)
        expected = delivery.routing_key == delivery.queue or delivery.routing_key in self._keys
        key = delivery.routing_key if expected else UNEXPECTED
        name = destination(delivery.exchange, key, delivery.queue)
        kind = "" if error is None else outcome
        self._duration("rabbitmq", "process", name, kind).observe(elapsed, exemplar(span))
        if delivery.attempt == 1 and (published := delivery.first_published_at) is not None:
            waited = max(0.0, time() - elapsed - published / 1000)
            if waited < LONGEST_WAIT_SECONDS:
                self._waited(delivery.queue).observe(waited, exemplar(span))
        self._count(delivery, settlement, elapsed)

    def _count(self, delivery: Any, settlement: Any, elapsed: float) -> None:  # noqa: ANN401 - see Delivery
        queue, outcome = delivery.queue, settlement.outcome
        self._consumed("rabbitmq", "process", queue, outcome).inc()
        fields = {"queue": queue, "attempt": delivery.attempt, "duration_ms": round(elapsed * 1000, 2)}
        error = f"{type(settlement.error).__qualname__}: {settlement.error}"
        if settlement.action == "ack":
            log.info("message processed", outcome=outcome, **fields)
        elif settlement.action == "retry":
            self._retries(queue, outcome).inc()
            log.warning("message will be retried", reason=outcome, error=error, **fields)
        else:
            self._dead(queue, outcome).inc()
            log.error("message dead-lettered", reason=outcome, error=error, **fields)
