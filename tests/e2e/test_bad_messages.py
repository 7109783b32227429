"""Bad messages, straight into the queues: dead-lettered with a reason, and the consumer lives."""

from typing import Any

import pytest

from tests.e2e.senders import CUSTOMER, GOOD_HEADERS, OUTCOMES, WORK, Senders, created

EVENT = created()
BAD: dict[str, tuple[str, bytes | dict[str, Any], dict[str, Any], str]] = {
    "not JSON": (WORK, b"\xff\x00 nonsense", {}, "malformed_json"),
    "unknown version": (WORK, {**EVENT, "type": "order.created.v9"}, {}, "unknown_type"),
    "wrong types": (WORK, {**EVENT, "data": []}, {}, "schema_violation"),
    "hostile attempt": (WORK, EVENT, {"x-attempt": -5}, "invalid_headers"),
    "malformed traceparent": (WORK, EVENT, {"traceparent": "00-xyz"}, "invalid_headers"),
    "unknown order": (WORK, EVENT, {}, "unknown_order"),
    "no outcome": (OUTCOMES, {**EVENT, "type": "order.done.v1", "data": []}, {}, "schema_violation"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_messages_are_dead_lettered(senders: Senders, name: str) -> None:
    """Each with its reason, unchanged, and with a log line under its correlation id."""
    queue, body, headers, reason = BAD[name]
    correlation_id = await senders.send(queue, body, {**GOOD_HEADERS, **headers})
    dead_letter = await senders.dead_letter(queue, correlation_id)
    assert dead_letter.headers["x-dead-letter-reason"] == reason
    assert not isinstance(body, bytes) or dead_letter.body == body
    lines = await senders.seen.log_lines(correlation_id, "message dead-lettered")
    assert any(line.get("reason") == reason for line in lines)
    assert CUSTOMER["email"] not in str(lines) + str(dead_letter.headers)


@pytest.mark.parametrize("change", [{"occurred_at": "yesterday"}, {"data": {}}], ids=["time", "no customer"])
async def test_an_unusable_message_fails_the_order_it_names(senders: Senders, change: dict[str, Any]) -> None:
    """An order whose message is poison does not stay pending for ever, nor does one without its customer."""
    order_id = await senders.place("tok_outage")
    await senders.seen.status(order_id, "processing")
    poison = {**created(order_id), **change}
    poison["data"] = poison["data"] or {"order_id": order_id}
    await senders.send(WORK, poison)
    assert (await senders.seen.status(order_id, "failed"))["reason"] == "schema_violation"
