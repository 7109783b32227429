"""A span a published message, and its context in the message's headers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from observability.messaging import Attributes, PublisherMiddleware
from services.common.messaging.messages import Outgoing
from tests.unit.fakes import SPAN_ID, TRACE_ID, TRACEPARENT
from tests.unit.recorder import Recorder, parent_id, span_id, trace_id

SENT, DURATION = "messaging_client_sent_messages_total", "messaging_client_operation_duration_seconds"
pytestmark = pytest.mark.usefixtures("provider")

SERVER: Attributes = {"server.address": "mq.internal", "server.port": 5672}
DESTINATION = "orders:order.created.v1"
PUBLISH = {
    "messaging_system": "rabbitmq",
    "messaging_operation_name": "publish",
    "messaging_destination_name": DESTINATION,
}


def message(entry: str = "0", **headers: str | int) -> Outgoing:
    """Return a message with headers."""
    return Outgoing(entry, "orders", "order.created.v1", f"event-{entry}", "checkout-42", b"{}", {**headers})


async def published(
    *messages: Outgoing, errors: Sequence[BaseException | None] = (None,)
) -> tuple[Recorder, Sequence[BaseException | None]]:
    """Publish messages through the middleware, inside a span that is none of theirs."""
    recorder, unrelated = Recorder(), Recorder()

    async def publish(_: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        return errors

    with unrelated.within():
        results = await PublisherMiddleware(recorder.tracer, recorder.registry)(publish, SERVER)(messages)
    return recorder, results


async def test_the_ids_of_a_replayed_dead_letter_are_redacted() -> None:
    """They are whatever its publisher put there."""
    dead_letter = replace(message(), message_id="of ada@example.com", correlation_id="ada@example.com")
    recorder, _ = await published(dead_letter)
    assert recorder.attributes()["messaging.message.id"] == "of [redacted]"
    assert recorder.attributes()["messaging.message.conversation_id"] == "[redacted]"


async def test_a_message_gets_a_producer_span() -> None:
    """Named and described as the messaging conventions have it."""
    recorder, results = await published(message())
    span = recorder.span()
    assert (span.name, span.kind) == (f"publish {DESTINATION}", SpanKind.PRODUCER)
    assert span.status.status_code is StatusCode.UNSET
    assert recorder.attributes() == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": DESTINATION,
        "messaging.rabbitmq.destination.routing_key": "order.created.v1",
        "messaging.message.id": "event-0",
        "messaging.message.conversation_id": "checkout-42",
        "messaging.message.body.size": 2,
        **SERVER,
    }
    assert list(results) == [None]
    for metric in (SENT, f"{DURATION}_count"):
        assert recorder.value(metric, **PUBLISH, error_type="") == 1


async def test_the_span_continues_what_the_message_tells_of() -> None:
    """Its parent is the request that caused the event, not the relay that happens to send it."""
    one = message(traceparent=TRACEPARENT, tracestate="a=1", baggage="b=2")
    recorder, _ = await published(one)
    span = recorder.span()
    [link] = span.links  # to the operator's request, say, which is not its parent
    assert not link.attributes
    assert (trace_id(span), parent_id(span)) == (TRACE_ID, SPAN_ID)
    assert str(one.headers["traceparent"]).startswith(f"00-{TRACE_ID}-{span_id(span)}-")
    assert (one.headers["tracestate"], one.headers["baggage"]) == ("a=1", "b=2")


async def test_a_batch_gets_a_span_a_message() -> None:
    """Each with its own result: one that was refused does not spoil the others."""
    refusal = ConnectionError("returned")
    recorder, results = await published(message("0"), message("1"), errors=[None, refusal])
    assert list(results) == [None, refusal]
    fine, failed = recorder.spans
    assert (fine.status.status_code, failed.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert (failed.attributes or {})["error.type"] == "ConnectionError"
    for error in ("", "ConnectionError"):
        assert recorder.value(SENT, **PUBLISH, error_type=error) == 1


async def test_publishing_that_is_cancelled_leaves_no_span_open() -> None:
    """The spans end as failed, and the cancellation passes."""
    recorder, publish = Recorder(), AsyncMock(side_effect=asyncio.CancelledError)
    with pytest.raises(asyncio.CancelledError):
        await PublisherMiddleware(recorder.tracer, recorder.registry)(publish)([message("0"), message("1")])
    assert [span.status.status_code for span in recorder.spans] == [StatusCode.ERROR] * 2
