"""A span a delivery, in its producer's trace or linked to it, and what is counted."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from structlog.testing import capture_logs

from observability.messaging import Attributes, ConsumerMiddleware
from observability.propagation import correlation_id
from services.common.messaging.messages import Delivery, Settlement
from tests.unit.fakes import SPAN_ID, TRACE_ID, TRACEPARENT, delivery
from tests.unit.recorder import Recorder, parent_id, span_id, trace_id

pytestmark = pytest.mark.usefixtures("provider")

QUEUE = "worker.order-created"
DESTINATION = f"orders:order.created.v1:{QUEUE}"
PROCESS = {"messaging_system": "rabbitmq", "messaging_operation_name": "process"}
CHILD_OF = {"opentracing.ref_type": "child_of"}
SERVER: Attributes = {"server.address": "mq.internal", "server.port": 5672}
WAITED = "messaging_time_in_queue_seconds"


@dataclass
class Processed:
    """A delivery that was processed: its settlement, and what was recorded."""

    recorder: Recorder
    settlement: Settlement
    logs: list[tuple[str, str]]
    seen: str


def middleware(recorder: Recorder, **options: Any) -> ConsumerMiddleware:  # noqa: ANN401 - as they are
    """Return what is tested, recording."""
    options |= {"routing_keys": ["order.created.v1"], "server": SERVER}
    return ConsumerMiddleware(recorder.tracer, recorder.registry, QUEUE, **options)


async def processed(
    one: Delivery, settlement: Settlement | None = None, *, linked: bool = False
) -> Processed:
    """Process a delivery through the middleware, inside a span that is none of its own."""
    recorder, unrelated, seen = Recorder(), Recorder(), list[str]()

    async def process(_: Delivery) -> Settlement:
        seen.append(str(correlation_id()))
        trace.get_current_span().add_event("processing")
        return settlement or Settlement("ack", "done")

    observed = middleware(recorder, linked=linked)(process)
    with unrelated.within(), capture_logs() as logs:
        result = await observed(one)
    lines = [(str(line["log_level"]), str(line["event"])) for line in logs]
    return Processed(recorder, result, lines, seen[0])


def links(span: ReadableSpan) -> list[tuple[str, str, dict[str, object]]]:
    """Return the trace and span ids that a span links to, with what each link says."""
    return [
        (format_trace_id(x.context.trace_id), format_span_id(x.context.span_id), dict(x.attributes or {}))
        for x in span.links
    ]


async def test_a_delivery_gets_a_consumer_span() -> None:
    """Named and described as the messaging conventions have it, and current while processing."""
    recorder = (await processed(delivery(b"{}", x_attempt=2))).recorder
    span = recorder.span()
    assert (span.name, span.kind) == (f"process {QUEUE}", SpanKind.CONSUMER)
    assert span.status.status_code is StatusCode.UNSET
    assert [event.name for event in span.events] == ["processing"]
    assert recorder.attributes() == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": DESTINATION,
        "messaging.rabbitmq.destination.routing_key": "order.created.v1",
        "messaging.message.id": delivery().message_id,
        "messaging.message.conversation_id": "checkout-42",
        "messaging.message.body.size": 2,
        **SERVER,
        "orderscope.delivery.attempt": 2,
        "orderscope.outcome": "done",
        "correlation_id": "checkout-42",
    }


@pytest.mark.parametrize(
    ("told", "seen"), [("checkout-42", "checkout-42"), ("two words", None), (None, None), ("a" * 129, None)]
)
async def test_the_correlation_id_comes_with_the_message(told: str | None, seen: str | None) -> None:
    """It holds while processing; one that is ill-formed is replaced, and the span has what was used."""
    done = await processed(replace(delivery(), correlation_id=told))
    assert done.recorder.attributes()["correlation_id"] == done.seen
    assert done.seen == seen or (seen is None and done.seen != told)
    assert correlation_id() is None


ACTIONS: list[tuple[Literal["ack", "retry", "dead_letter"], str, str, str]] = [
    ("ack", "", "info", "message processed"),
    ("retry", "consumer_retries_total", "warning", "message will be retried"),
    ("dead_letter", "dead_letters_total", "error", "message dead-lettered"),
]


@pytest.mark.parametrize(("action", "metric", "level", "event"), ACTIONS)
async def test_a_settlement_is_seen_everywhere(
    action: Literal["ack", "retry", "dead_letter"], metric: str, level: str, event: str
) -> None:
    """In the span, of a failure with its exception, in the metrics by reason, in a line of its level."""
    failed = action != "ack"
    done = await processed(delivery(), Settlement(action, "dry_well", ValueError("dry") if failed else None))
    span, recorder = done.recorder.span(), done.recorder
    assert (span.status.status_code is StatusCode.ERROR) is failed
    assert recorder.attributes().get("error.type") == ("dry_well" if failed else None)
    assert recorder.attributes()["orderscope.outcome"] == "dry_well"
    assert [e.name for e in span.events] == ["processing", *["exception"] * failed]
    consumed = {**PROCESS, "queue": QUEUE, "outcome": "dry_well"}
    assert recorder.value("messaging_client_consumed_messages_total", **consumed) == 1
    assert recorder.value(metric, queue=QUEUE, reason="dry_well") == (1 if failed else None)
    labels = {"messaging_destination_name": DESTINATION, "error_type": "dry_well" if failed else ""}
    assert recorder.value("messaging_process_duration_seconds_count", **PROCESS, **labels) == 1
    assert done.logs == [(level, event)]


async def test_a_strangers_routing_key_is_no_label() -> None:
    """A message that a `CC` brings here may have any: the span tells it, redacted, the metric does not."""
    recorder = (await processed(replace(delivery(), routing_key="ada@example.com"))).recorder
    assert "ada" not in str(recorder.attributes())
    recorder = (await processed(replace(delivery(), routing_key="evil-1"))).recorder
    assert recorder.attributes()["messaging.destination.name"] == f"orders:evil-1:{QUEUE}"
    labels = {**PROCESS, "messaging_destination_name": f"orders:_other:{QUEUE}", "error_type": ""}
    assert recorder.value("messaging_process_duration_seconds_count", **labels) == 1
    assert "evil-1" not in str(recorder.series())


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_a_copy_carries_on_from_this_attempt(action: Literal["retry", "dead_letter"]) -> None:
    """The next attempt, or a replay, finds this span as its parent and links to it; baggage goes along."""
    first = delivery(traceparent=TRACEPARENT, baggage="tenant=shop")
    done = await processed(first, Settlement(action, "x", ValueError()))
    span, context = done.recorder.span(), done.settlement.context
    assert context["traceparent"].startswith(f"00-{TRACE_ID}-{span_id(span)}-")
    assert context["baggage"] == "tenant=shop"
    again = (await processed(delivery(traceparent=context["traceparent"]))).recorder.span()
    assert (trace_id(again), parent_id(again)) == (TRACE_ID, span_id(span))
    assert links(again) == [(TRACE_ID, span_id(span), CHILD_OF)]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ZeroDivisionError()])
async def test_what_was_not_settled_passes_and_is_no_success(error: BaseException) -> None:
    """A cancellation at shutdown, or a bug: the span ends as failed, and whoever called decides."""
    recorder = Recorder()

    async def process(_: Delivery) -> Settlement:
        raise error

    with pytest.raises(type(error)):
        await middleware(recorder)(process)(delivery())
    assert recorder.span().status.status_code is StatusCode.ERROR
    assert recorder.attributes()["error.type"] == type(error).__qualname__


@pytest.mark.parametrize("linked", [False, True])
async def test_a_delivery_leads_to_its_producer(*, linked: bool) -> None:
    """As a child, with a link which says that this is its parent, as Jaeger needs it; or by a link alone."""
    back = replace(delivery(traceparent=TRACEPARENT), exchange=QUEUE, routing_key=QUEUE)
    recorder = (await processed(back, linked=linked)).recorder
    assert (trace_id(recorder.span()) == TRACE_ID) is not linked
    assert parent_id(recorder.span()) == (None if linked else SPAN_ID)
    assert links(recorder.span()) == [(TRACE_ID, SPAN_ID, {} if linked else CHILD_OF)]
    # Of what comes back from a retry, exchange, routing key and queue have one name.
    assert recorder.attributes()["messaging.destination.name"] == QUEUE


def test_known_outcomes_are_counted_from_zero() -> None:
    """Else the first retry and the first dead letter would be no increase."""
    recorder = Recorder()
    middleware(recorder, retries=["timeout"], dead_letters=["malformed_json"], outcomes=["done"])
    assert recorder.value("consumer_retries_total", queue=QUEUE, reason="timeout") == 0
    assert recorder.value("dead_letters_total", queue=QUEUE, reason="malformed_json") == 0
    consumed = {**PROCESS, "queue": QUEUE, "outcome": "done"}
    assert recorder.value("messaging_client_consumed_messages_total", **consumed) == 0


@pytest.mark.parametrize(
    ("attempt", "ago", "waited"),
    [(1, 3, 3), (1, -3, 0), (2, 3, None), *[(1, odd, None) for odd in (10**9, True, "1", None)]],
)
async def test_time_in_queue_is_that_of_the_first_delivery(
    attempt: int, ago: object, waited: float | None
) -> None:
    """From the first publishing; clocks may differ. A stranger's time would stay in the sum for ever."""
    first = round((time.time() - ago) * 1000) if type(ago) is int else ago
    done = await processed(delivery(x_attempt=attempt, x_first_published_at=first))
    found = done.recorder.value(f"{WAITED}_sum", queue=QUEUE)
    assert found == (None if waited is None else pytest.approx(waited, abs=1))
