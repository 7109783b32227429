"""AMQP headers and properties, as they are made and as they are checked."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from aio_pika import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp.header import ContentHeader

from services.common.ids import uuid7
from services.common.messaging.frames import Content, event
from services.common.messaging.messages import Settlement
from services.common.messaging.republish import hand_on
from services.common.messaging.retries import UnusableMessageError, check_headers
from services.common.outbox.stream import Outbox
from services.worker.app import ORDERS
from tests.contract.documents import examples, problems, schema
from tests.unit.fakes import TRACEPARENT, Channel, Incoming, Stream, delivery

CONTEXTS = (
    {"correlation_id": "checkout-42"},
    {"correlation_id": "checkout-42", "traceparent": TRACEPARENT, "tracestate": "a=1", "baggage": "b=2"},
)


@pytest.mark.parametrize("context", CONTEXTS)
async def test_the_outbox_sends_what_the_contract_says(context: dict[str, str]) -> None:
    """A relayed event has every property and header, in the contract's form."""
    stream = Stream()
    outbox = Outbox(stream.as_redis(), "api", context=lambda: context)
    stream.add(outbox.fields("order.created.v1", uuid7(), "{}"))
    [outgoing] = await outbox.take("relay-1", count=1, block_ms=1)
    message = received(event("api")(outgoing))
    assert problems("properties", properties(message)) == []
    assert problems("headers", dict(message.headers)) == []
    assert {**message.headers, "correlation_id": message.correlation_id}.items() >= context.items()


@pytest.mark.parametrize("attempt", [1, 3, 7])
async def test_a_retry_is_the_same_message_once_more(attempt: int) -> None:
    """Body and properties stay, the attempt counts on, the reason and the trace are told."""
    original = Incoming(headers={"x-attempt": attempt, "x-first-published-at": 5, "baggage": "b=2"})
    _, copy = await settled(original, Settlement("retry", "payment_unavailable"))
    assert problems("headers", dict(copy.headers)) == []
    assert copy.headers == {
        "x-attempt": attempt + 1,
        "x-first-published-at": 5,
        "baggage": "b=2",
        "traceparent": TRACEPARENT,
        "x-retry-reason": "payment_unavailable",
    }
    assert problems("properties", properties(copy)) == []
    assert (copy.body, copy.message_id) == (original.body, original.message_id)


async def test_a_dead_letter_says_why_when_and_from_where() -> None:
    """Its headers are those of the contract, and an endless error is cut."""
    settlement = Settlement("dead_letter", "schema_violation", ValueError("x" * 9_999))
    queue, copy = await settled(Incoming(headers={"x-attempt": 1, "x-first-published-at": 5}), settlement)
    assert problems("headers", dict(copy.headers)) == []
    assert set(copy.headers) <= set(schema("headers")["properties"])
    assert set(copy.headers) >= {name for name in schema("headers")["properties"] if "dead" in name}
    assert (queue, copy.headers["x-dead-lettered-from"]) == (
        "worker.order-created.dlq",
        "worker.order-created",
    )


async def test_a_dead_letter_without_headers_gets_those_that_every_message_has() -> None:
    """What a stranger published without a time gets one; it keeps the lack of an attempt."""
    _, copy = await settled(Incoming(), Settlement("dead_letter", "invalid_headers", ValueError()))
    assert copy.headers["x-first-published-at"] == copy.headers["x-dead-lettered-at"]


@pytest.mark.parametrize("stem", examples("headers"))
def test_golden_headers_pass_the_check(stem: str) -> None:
    """Consumers accept every golden example of headers."""
    check_headers(replace(delivery(), headers=examples("headers")[stem]))


ODD = st.sampled_from([0, -1, 1, 4, 2**40, True, None, "1", "", 1.5, b"1", [1]])
PARENTS = [
    TRACEPARENT,
    TRACEPARENT.upper(),
    "ff" + TRACEPARENT[2:],
    "cc" + TRACEPARENT[2:],
    TRACEPARENT[:-3],
    TRACEPARENT + "-00",
    f"00-{'0' * 32}-{'1' * 16}-01",
    f"00-{'1' * 32}-{'0' * 16}-01",
    "",
    7,
]


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={"x-attempt": ODD, "x-first-published-at": ODD}))
def test_the_check_and_the_schema_agree(headers: dict[str, Any]) -> None:
    """Consumers refuse exactly the headers that the schema refuses."""
    refused = problems("headers", headers) != []
    with pytest.raises(UnusableMessageError) if refused else nullcontext():
        check_headers(replace(delivery(), headers=headers))


@pytest.mark.parametrize("traceparent", PARENTS)
def test_the_check_and_the_schema_agree_on_traces(traceparent: object) -> None:
    """Of these only version 00, and versions that are yet to come, are well formed."""
    one = delivery(traceparent=traceparent)
    refused = traceparent not in {TRACEPARENT, "cc" + TRACEPARENT[2:]}
    assert (problems("headers", dict(one.headers)) != []) is refused
    with pytest.raises(UnusableMessageError) if refused else nullcontext():
        check_headers(one)


async def settled(original: Incoming, settlement: Settlement) -> tuple[str, Message]:
    """Settle a delivery and return the queue and the copy that went there."""
    settlement.context["traceparent"] = TRACEPARENT
    channel = Channel()
    await hand_on(channel.as_amqp(), ORDERS, original.as_amqp(), settlement)
    [published] = channel.published
    return published


def received(sent: Content) -> Message:
    """Return the message that a broker hands on, without its body."""
    header = ContentHeader()
    header.unmarshal(bytes(12) + sent.properties)  # class, weight and size come first
    told = header.properties
    return Message(
        b"",
        headers=told.headers,
        content_type=told.content_type,
        delivery_mode=told.delivery_mode,
        correlation_id=told.correlation_id,
        message_id=told.message_id,
        timestamp=told.timestamp,
        type=told.message_type,
        app_id=told.app_id,
    )


def properties(message: Message) -> dict[str, Any]:
    """Return the AMQP properties of a message under the names of the contract."""
    assert message.timestamp is not None
    assert message.delivery_mode is not None
    plain = ("message_id", "correlation_id", "type", "app_id", "content_type", "content_encoding")
    return {
        **{name: getattr(message, name) for name in plain},
        "timestamp": int(message.timestamp.timestamp()),
        "delivery_mode": message.delivery_mode.value,
    }
