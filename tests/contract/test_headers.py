"""AMQP headers and properties, as they are made and as they are checked."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.ids import uuid7
from services.common.messaging.messages import Settlement
from services.common.messaging.properties import Properties, delivery_of, event_properties
from services.common.messaging.publisher import republish
from services.common.messaging.retries import UnusableMessageError, check_headers
from services.common.outbox.stream import Outbox
from services.worker.app import ORDERS
from tests.contract.documents import problems, schema
from tests.unit.fake_broker import FakeBroker, FakeChannel, delivered
from tests.unit.fakes import TRACEPARENT, Stream, delivery

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
    [event] = await outbox.read_new("relay-1", count=1, block_ms=1)
    sent = event_properties(event, "api")
    assert problems("properties", named(sent)) == []
    assert problems("headers", headers_of(sent)) == []
    assert {**headers_of(sent), "correlation_id": sent.correlation_id}.items() >= context.items()


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1), (2, 5), (3, 30), (99, 30)])
async def test_a_retry_is_the_same_message_with_its_attempt_counted(attempt: int, delay: int) -> None:
    """Properties stay, the attempt counts on, the reason and the trace are added; each waits longer."""
    original = {"x-attempt": attempt, "x-first-published-at": 5, "baggage": "b=2"}
    queue, copy = await settled(original, Settlement("retry", "payment_unavailable"))
    assert queue == f"worker.order-created.retry.{delay}s"
    assert problems("headers", headers_of(copy)) == []
    assert headers_of(copy) == {
        "x-attempt": attempt + 1,
        "x-first-published-at": 5,
        "baggage": "b=2",
        "traceparent": TRACEPARENT,
        "x-retry-reason": "payment_unavailable",
    }
    assert problems("properties", named(copy)) == []


async def test_a_dead_letter_says_why_when_and_from_where() -> None:
    """Its headers are those of the contract, and an endless error is cut."""
    settlement = Settlement("dead_letter", "schema_violation", ValueError("x" * 9_999))
    queue, copy = await settled({"x-attempt": 1, "x-first-published-at": 5}, settlement)
    headers, declared = headers_of(copy), schema("headers")["properties"]
    assert problems("headers", headers) == []
    assert set(headers) <= set(declared)
    assert set(headers) >= {name for name in declared if "dead" in name}
    assert (queue, headers["x-dead-lettered-from"]) == ("worker.order-created.dlq", "worker.order-created")


async def test_a_dead_letter_without_headers_gets_those_that_every_message_has() -> None:
    """What a stranger published without a time gets one."""
    _, copy = await settled({}, Settlement("dead_letter", "invalid_headers", ValueError()))
    assert headers_of(copy)["x-first-published-at"] == headers_of(copy)["x-dead-lettered-at"]


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


async def settled(headers: dict[str, Any], settlement: Settlement) -> tuple[str, Properties]:
    """Settle a delivery and return the queue and the properties of the copy that went there."""
    settlement.context["traceparent"] = TRACEPARENT
    broker = FakeBroker()
    original = delivered(b"{}", {"headers": headers, "timestamp": datetime.now(UTC)})
    received = delivery_of(original, ORDERS.queue)
    await republish(cast("Any", FakeChannel(broker)), ORDERS, received, settlement)
    [published] = broker.published
    assert published.body == original.body
    return published.routing_key, published.properties


def headers_of(properties: Properties) -> dict[str, Any]:
    """Return the headers."""
    return {**(properties.headers or {})}


def named(properties: Properties) -> dict[str, Any]:
    """Return AMQP properties under the names of the contract."""
    assert properties.timestamp is not None
    plain = ("message_id", "correlation_id", "app_id", "content_type", "content_encoding", "delivery_mode")
    return {
        **{name: getattr(properties, name) for name in plain},
        "timestamp": int(properties.timestamp.timestamp()),
        "type": properties.message_type,
    }
