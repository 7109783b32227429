"""Orders that are declined or retried, dead letters and failing emails leave nothing of a customer behind."""

import json
from typing import Any

import httpx2
from aio_pika import Message
from aio_pika.abc import AbstractChannel

from tests.e2e.seen import SERVICES, Seen
from tests.e2e.test_bad_messages import GOOD_HEADERS, created
from tests.e2e.test_one_order import dead_letter, has
from tests.servers import publish

MARK = "qw7leak"
"""Part of every name, address, token and header that must be seen in no log, span or metric."""
CUSTOMER = {"name": f"Zoe {MARK}", "email": f"{MARK}@example.com"}
ALL_TIME = {
    "query.startTimeMin": "1970-01-01T00:00:00Z",
    "query.startTimeMax": "2600-01-01T00:00:00Z",
    "query.searchDepth": "1500",
}


def order_of(token: str) -> dict[str, Any]:
    """Return an order of the marked customer."""
    return {
        "customer": CUSTOMER,
        "items": [{"sku": "moka-pot", "quantity": 1}],
        "payment": {"token": token},
    }


async def everything_told(seen: Seen) -> dict[str, str]:
    """Return all logs, all spans and all metrics of the services, as they are, by where they stand."""
    told = {file.name: file.read_text(errors="replace") for file in seen.logs.glob("*.log")}
    traces = await seen.client.get(f"{seen.endpoints['traces']}/api/v3/traces", params=ALL_TIME, timeout=60)
    assert traces.status_code == 200
    told["spans"] = traces.text
    targets = await seen.client.get(f"{seen.endpoints['prometheus']}/api/v1/targets")
    for target in targets.json()["data"]["activeTargets"]:
        if target["labels"]["job"] in SERVICES:
            told[target["scrapeUrl"]] = (await seen.client.get(target["scrapeUrl"])).text
    return told


async def assert_unseen(seen: Seen, *there: str) -> None:
    """Hold everything that was told to be free of the mark; what `there` names proves that we looked well."""
    told = await everything_told(seen)
    assert sum(where.startswith("http") for where in told) == len(SERVICES)
    assert [where for where, text in told.items() if MARK in text] == []
    for name in there:
        assert name in told["spans"]
        assert name in told["api.log"]


async def settled(seen: Seen, correlation_id: str, *events: str) -> None:
    """Wait until all that a request set off has been logged, and its trace been stored."""
    lines = await seen.log_lines(correlation_id, lambda found: all(has(found, event) for event in events))
    trace_id = next(line["trace_id"] for line in lines if "trace_id" in line)
    await seen.trace(trace_id, lambda spans: any(span.service == "notifier" for span in spans))


async def test_nobody_is_told_who_ordered(api: httpx2.AsyncClient, seen: Seen) -> None:
    """Names, addresses and tokens of orders that are paid, declined or retried stay where they belong."""
    for token in (f"tok_{MARK}", "tok_declined", "tok_flaky"):
        identifier = f"e2e-{token.replace(MARK, 'marked')}"
        headers = {"X-Correlation-ID": identifier, "Idempotency-Key": f"{MARK}-{token}", "Cookie": MARK}
        answer = await api.post("/v1/orders", json=order_of(token), headers=headers)
        assert answer.status_code == 202
        assert (await seen.emails(answer.json()["id"]))[0]["To"][0]["Address"] == CUSTOMER["email"]
        await settled(seen, identifier, "email sent", "message processed")
    refused = await api.post("/v1/orders", json=order_of(f"4111 {MARK}"))
    assert refused.status_code == 422
    await assert_unseen(seen, "e2e-tok_marked", "e2e-tok_declined", "e2e-tok_flaky")


async def test_nobody_is_told_what_a_dead_letter_says(channel: AbstractChannel, seen: Seen) -> None:
    """Poison of every kind, and an address that no mail can reach, are set aside without being quoted."""
    event = created("00000000-0000-7000-8000-000000000001")
    event["data"].update(order_of(f"tok_{MARK}"))
    outcome = {**event, "type": "order.done.v1"}
    outcome["data"] = {**event["data"], "customer": {**CUSTOMER, "email": f"{MARK}\u00e9@example.com"}}
    poison = {
        "e2e-leak-json": (f'{{"{MARK}": {MARK}'.encode(), {}),
        "e2e-leak-type": (json.dumps({**event, "type": MARK}).encode(), {}),
        "e2e-leak-field": (json.dumps({**event, "data": {**event["data"], "total": MARK}}).encode(), {}),
        "e2e-leak-header": (json.dumps(event).encode(), {"x-attempt": MARK}),
        "e2e-leak-trace": (json.dumps(event).encode(), {"traceparent": f"00-{MARK}-b-01"}),
        "e2e-leak-order": (json.dumps(event).encode(), {"baggage": f"customer={MARK}"}),
    }
    for identifier, (body, headers) in poison.items():
        message = Message(
            body, headers={**GOOD_HEADERS, **headers}, correlation_id=identifier, message_id=identifier
        )
        await publish(channel, "worker.order-created", message)
        assert (await dead_letter(channel, "worker.order-created.dlq", identifier)).body == body
    unreachable = Message(
        json.dumps(outcome).encode(), headers=GOOD_HEADERS, correlation_id="e2e-leak-mail", message_id="m"
    )
    await publish(channel, "notifier.order-outcome", unreachable)
    letter = await dead_letter(channel, "notifier.order-outcome.dlq", "e2e-leak-mail")
    assert letter.headers["x-dead-letter-reason"] == "recipient_refused"
    assert MARK not in str(letter.headers)
    await settled(seen, "e2e-leak-mail", "message dead-lettered")
    await assert_unseen(seen)
