"""Bad messages, straight into a running stack's queues: set aside with a reason, and the consumer lives."""

import json
from typing import Any
from uuid import uuid4

import aio_pika
import httpx2
import pamqp.encode
import pytest
from aio_pika.abc import AbstractChannel

from tests.e2e.seen import Seen
from tests.e2e.test_one_order import dead_letter
from tests.servers import publish

GOOD_HEADERS: dict[str, Any] = {"x-attempt": 1, "x-first-published-at": 1_700_000_000_000}


def created(order_id: str) -> dict[str, Any]:
    """Return a well-formed event of an order that nobody placed."""
    return {
        "id": str(uuid4()),
        "type": "order.created.v1",
        "occurred_at": "2026-01-01T00:00:00Z",
        "data": {
            "order_id": order_id,
            "customer": {"name": "Ada", "email": "ada@example.com"},
            "items": [{"sku": "moka-pot", "quantity": 1}],
            "total": {"amount": 1, "currency": "EUR"},
            "payment": {"token": "tok_visa"},
        },
    }


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a document without one field."""
    return {key: value for key, value in document.items() if key != field}


EVENT = created("00000000-0000-7000-8000-000000000000")
BAD: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "not JSON": (b"\xff\x00 nonsense", GOOD_HEADERS, "malformed_json"),
    "empty": (b"", GOOD_HEADERS, "malformed_json"),
    "unknown version": (
        json.dumps({**EVENT, "type": "order.created.v9"}).encode(),
        GOOD_HEADERS,
        "unknown_type",
    ),
    "missing fields": (json.dumps(without(EVENT, "data")).encode(), GOOD_HEADERS, "schema_violation"),
    "wrong types": (json.dumps({**EVENT, "data": []}).encode(), GOOD_HEADERS, "schema_violation"),
    "no headers": (json.dumps(EVENT).encode(), {}, "invalid_headers"),
    "hostile attempt": (json.dumps(EVENT).encode(), {**GOOD_HEADERS, "x-attempt": -5}, "invalid_headers"),
    "malformed traceparent": (
        json.dumps(EVENT).encode(),
        {**GOOD_HEADERS, "traceparent": "00-xyz"},
        "invalid_headers",
    ),
    "unknown order": (json.dumps(EVENT).encode(), GOOD_HEADERS, "unknown_order"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_messages_for_the_worker(channel: AbstractChannel, seen: Seen, name: str) -> None:
    """Each is dead-lettered with its reason, unchanged, and leaves a log line under its correlation id."""
    body, headers, reason = BAD[name]
    correlation_id = f"e2e-bad-{uuid4()}"
    await publish(
        channel,
        "worker.order-created",
        aio_pika.Message(body, headers=headers, correlation_id=correlation_id, message_id=str(uuid4())),
    )
    letter = await dead_letter(channel, "worker.order-created.dlq", correlation_id)
    assert letter.headers["x-dead-letter-reason"] == reason
    assert letter.body == body
    lines = await seen.log_lines(correlation_id, bool)
    assert any(line.get("reason") == reason for line in lines)
    assert "ada@example.com" not in str(lines) + str(letter.headers)


async def test_a_header_that_is_no_text_is_set_aside_too(
    channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other clients' long strings may be any bytes, which our library reads and does not write."""

    def as_long_string(value: Any) -> bytes:  # noqa: ANN401 - as AMQP's tables
        return b"S" + pamqp.encode.byte_array(value) if isinstance(value, bytearray) else write(value)

    write = pamqp.encode.encode_table_value
    headers = {**GOOD_HEADERS, "x-bytes": bytearray(b"\xff")}
    poison = aio_pika.Message(b"{", headers=headers, correlation_id="e2e-bytes", message_id="e2e-bytes")
    with monkeypatch.context() as patched:
        patched.setattr(pamqp.encode, "encode_table_value", as_long_string)
        await publish(channel, "worker.order-created", poison)
    letter = await dead_letter(channel, "worker.order-created.dlq", "e2e-bytes")
    assert letter.headers["x-dead-letter-reason"] == "malformed_json"
    assert letter.headers["x-bytes"] == b"\xff"


async def test_bad_messages_for_the_notifier(channel: AbstractChannel) -> None:
    """The notifier sets aside what it cannot read, too."""
    correlation_id = f"e2e-bad-{uuid4()}"
    event = {
        "id": "e",
        "type": "order.done.v1",
        "data": {"order_id": "1", "customer": {"name": "A", "email": "no"}},
    }
    message = aio_pika.Message(
        json.dumps(event).encode(), headers=GOOD_HEADERS, correlation_id=correlation_id, message_id="m"
    )
    await publish(channel, "notifier.order-outcome", message)
    letter = await dead_letter(channel, "notifier.order-outcome.dlq", correlation_id)
    assert letter.headers["x-dead-letter-reason"] == "schema_violation"
    assert "customer.email" in str(letter.headers["x-dead-letter-error"])


async def test_an_unusable_message_fails_the_order_it_names(
    api: httpx2.AsyncClient, channel: AbstractChannel, seen: Seen, order: dict[str, Any]
) -> None:
    """An order whose message is poison does not stay pending for ever."""
    slow = {**order, "payment": {"token": "tok_outage"}}
    order_id = (await api.post("/v1/orders", json=slow)).json()["id"]
    await seen.status(order_id, "processing")
    poison = {**created(order_id), "occurred_at": "yesterday"}
    message = aio_pika.Message(
        json.dumps(poison).encode(), headers=GOOD_HEADERS, correlation_id="e2e-poison", message_id="m"
    )
    await publish(channel, "worker.order-created", message)
    assert (await seen.status(order_id, "failed"))["reason"] == "schema_violation"


async def test_the_consumers_still_work(api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any]) -> None:
    """After all of this an order is settled and its customer told."""
    order_id = (await api.post("/v1/orders", json=order)).json()["id"]
    await seen.status(order_id, "done")
    assert len(await seen.emails(order_id)) == 1


async def test_an_order_whose_customer_is_missing_from_its_message_is_failed_too(
    api: httpx2.AsyncClient, channel: AbstractChannel, seen: Seen, order: dict[str, Any]
) -> None:
    """Nobody can be told, but the order does not wait for ever."""
    slow = {**order, "payment": {"token": "tok_outage"}}
    order_id = (await api.post("/v1/orders", json=slow)).json()["id"]
    await seen.status(order_id, "processing")
    message = aio_pika.Message(
        json.dumps({"type": "order.created.v1", "data": {"order_id": order_id}}).encode(),
        headers=GOOD_HEADERS,
        correlation_id="e2e-no-customer",
        message_id="m",
    )
    await publish(channel, "worker.order-created", message)
    assert (await seen.status(order_id, "failed"))["reason"] == "schema_violation"
