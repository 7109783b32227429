"""The CONSUMER side: a span a delivery, in its producer's trace or linked to it."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from time import perf_counter, time

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer
from prometheus_client import CollectorRegistry

from observability.at_hand import span_context
from observability.correlation import Correlated, accept
from observability.fixed import Extended, FixedAttributes
from observability.messaging import (
    OPERATION_LABELS,
    RABBITMQ,
    SYSTEM,
    UNEXPECTED,
    In,
    IncomingMessage,
    Process,
    Settled,
    Settlement,
    destination,
)
from observability.metrics import LONG_SECONDS_BUCKETS, exemplar, seconds
from observability.propagation import extract, inject
from observability.redaction import redact_text
from observability.series import counter
from observability.spans import Inside, failed

log = structlog.get_logger("observability.messaging")

OPERATION = "process"
LONGEST_WAIT_SECONDS = 30 * 86_400.0
"""A message that is older has a stranger's header, which would stay in the sum for ever."""


class ConsumerMiddleware:
    """Wraps the processing of deliveries."""

    def __init__(
        self, tracer: Tracer, registry: CollectorRegistry, routing_keys: Collection[str], *, linked: bool
    ) -> None:
        """Register the metrics; `linked` starts a trace of its own for each delivery."""
        self._tracer = tracer
        self._keys = frozenset(routing_keys)
        self._linked = linked
        self._duration = seconds(
            registry,
            "messaging_process_duration_seconds",
            "Duration of processing a delivery.",
            [*OPERATION_LABELS, "messaging_destination_name", "error_type"],
        )
        self._waited = seconds(
            registry,
            "messaging_time_in_queue_seconds",
            "From the first publishing of a message to its first delivery.",
            ["queue"],
            LONG_SECONDS_BUCKETS,
        )
        self._consumed = counter(
            registry,
            "messaging_client_consumed_messages",
            "Deliveries by what became of them.",
            [*OPERATION_LABELS, "queue", "outcome"],
        )
        self._retries = counter(
            registry, "consumer_retries", "Deliveries put off to a retry queue.", ["queue", "reason"]
        )
        self._dead = counter(
            registry, "dead_letters", "Deliveries set aside for an operator.", ["queue", "reason"]
        )

    def expect(
        self, queue: str, retries: Sequence[str], dead_letters: Sequence[str], outcomes: Sequence[str] = ()
    ) -> None:
        """Have these series exist before what they count happens first, which would have no rate else."""
        for outcome in outcomes:
            self._consumed.at(RABBITMQ, OPERATION, queue, outcome)
        for reason in retries:
            self._retries.at(queue, reason)
        for reason in dead_letters:
            self._dead.at(queue, reason)

    def __call__(self, process: Process[In, Settled]) -> Process[In, Settled]:
        """Return the processing inside a span and the message's correlation id."""

        async def observed(delivery: In) -> Settled:
            identifier = accept(delivery.correlation_id)
            producer = extract(delivery.headers)
            span = self._start(delivery, producer, identifier)
            began = perf_counter()
            with Correlated(identifier), Inside(span, producer):
                try:
                    settlement = await process(delivery)
                except BaseException as error:  # above all a cancellation: nothing was settled
                    failed(span, error)
                    raise
                self._finish(span, delivery, settlement, perf_counter() - began)
                if settlement.action != "ack":  # there will be a copy
                    inject(settlement.context)
            return settlement

        return observed

    def _start(self, delivery: IncomingMessage, producer: Context, identifier: str) -> Span:
        cause = span_context(producer)
        links: Sequence[Link] = [Link(cause)] if cause.is_valid else []
        return self._tracer.start_span(
            f"process {delivery.queue}",
            context=Context() if self._linked else producer,
            kind=SpanKind.CONSUMER,
            links=links,
            attributes=_attributes(delivery, identifier),
        )

    def _finish(self, span: Span, delivery: IncomingMessage, settlement: Settlement, elapsed: float) -> None:
        span.set_attributes(_told(settlement.outcome))
        if settlement.error is not None:
            failed(span, settlement.error)
            span.set_attribute("error.type", settlement.outcome)
        kind = settlement.outcome if settlement.error is not None else ""
        series = self._duration.at(RABBITMQ, OPERATION, self._destination(delivery), kind)
        series.observe(elapsed, exemplar(span))
        if delivery.attempt == 1 and (published := delivery.first_published_at) is not None:
            waited = max(0.0, time() - elapsed - published / 1000)
            if waited < LONGEST_WAIT_SECONDS:
                self._waited.at(delivery.queue).observe(waited, exemplar(span))
        self._count(delivery, settlement, elapsed)

    def _destination(self, delivery: IncomingMessage) -> str:
        """Return the destination as a label: whoever publishes may put anything into a key, beside a `CC`."""
        key = delivery.routing_key
        expected = key == delivery.queue or key in self._keys
        return destination(delivery.exchange, key if expected else UNEXPECTED, delivery.queue)

    def _count(self, delivery: IncomingMessage, settlement: Settlement, elapsed: float) -> None:
        self._consumed.at(RABBITMQ, OPERATION, delivery.queue, settlement.outcome).add()
        fields = {
            "queue": delivery.queue,
            "attempt": delivery.attempt,
            "duration_ms": round(elapsed * 1000, 2),
        }
        if settlement.action == "ack":
            log.info("message processed", outcome=settlement.outcome, **fields)
            return
        error = f"{type(settlement.error).__qualname__}: {settlement.error}"
        if settlement.action == "retry":
            self._retries.at(delivery.queue, settlement.outcome).add()
            log.warning("message will be retried", reason=settlement.outcome, error=error, **fields)
        else:
            self._dead.at(delivery.queue, settlement.outcome).add()
            log.error("message dead-lettered", reason=settlement.outcome, error=error, **fields)


def _attributes(delivery: IncomingMessage, identifier: str) -> Extended:
    return Extended(
        {
            "messaging.message.id": redact_text(delivery.message_id or ""),
            "messaging.message.conversation_id": identifier,
            "messaging.message.body.size": len(delivery.body),
            "correlation_id": identifier,
        },
        _common(delivery.exchange, delivery.routing_key, delivery.queue, delivery.attempt),
    )


@lru_cache(maxsize=1024)  # few by nature; the bound is for keys that strangers make up
def _common(exchange: str, routing_key: str, queue: str, attempt: int) -> FixedAttributes:
    """Return what the spans of deliveries on the same way have in common."""
    return FixedAttributes(
        {
            **SYSTEM,
            "messaging.operation.name": OPERATION,
            "messaging.operation.type": OPERATION,
            "messaging.destination.name": redact_text(destination(exchange, routing_key, queue)),
            "messaging.rabbitmq.destination.routing_key": redact_text(routing_key),
            "orderscope.delivery.attempt": attempt,
        }
    )


@lru_cache(maxsize=1024)  # few: they are a label, too
def _told(outcome: str) -> FixedAttributes:
    return FixedAttributes({"orderscope.outcome": outcome})
