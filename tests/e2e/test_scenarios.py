"""Scenarios on the running stack: for one request by its baggage, for all by an operator, for nobody else."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import pytest

from services.common.settings import DEVELOPMENT_SECRET
from tests.e2e.seen import Seen
from tests.running import Endpoints
from tests.servers import eventually

PROCESS = "process worker.order-created"


@pytest.fixture
async def operator(stack: Endpoints) -> AsyncIterator[httpx2.AsyncClient]:
    """Return an operator's client; what it switched on is off afterwards."""
    headers = {"Authorization": f"Bearer {DEVELOPMENT_SECRET}"}
    async with httpx2.AsyncClient(base_url=stack["api"], headers=headers, timeout=10) as client:
        yield client
        assert (await client.delete("/v1/scenarios")).status_code == 200


async def outcomes(seen: Seen, correlation_id: str, count: int) -> list[str]:
    """Return what became of each delivery of an order's event, once there were so many."""

    def processed(lines: list[dict[str, Any]]) -> list[str]:
        mine = [line for line in lines if line["service"] == "worker"]
        return [
            line.get("outcome") or line["reason"] for line in mine if line["event"].startswith("message ")
        ]

    lines = await seen.log_lines(correlation_id, lambda found: len(processed(found)) >= count)
    return sorted(processed(lines))


async def test_a_request_asks_for_a_fault_by_its_baggage(
    api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any]
) -> None:
    """It travels across the broker with the request's trace; the order beside it notices nothing."""
    wants = {"X-Correlation-ID": "scenario-mine", "baggage": "scenario=duplicate-messages"}
    mine = await api.post("/v1/orders", json=order, headers=wants)
    other = await api.post("/v1/orders", json=order, headers={"X-Correlation-ID": "scenario-others"})
    assert await outcomes(seen, "scenario-mine", 2) == ["done", "duplicate"]
    for answer in (mine, other):
        await seen.status(answer.json()["id"], "done")
    assert len(await seen.emails(mine.json()["id"])) == 1
    assert await outcomes(seen, "scenario-others", 1) == ["done"]


async def test_a_fault_in_the_worker_is_asked_for_at_the_api(
    api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any]
) -> None:
    """The charge fails, its span says why, and the retry gets through."""
    wants = {"X-Correlation-ID": "scenario-errors", "baggage": "scenario=payment-errors"}
    answer = await api.post("/v1/orders", json=order, headers=wants)
    await seen.status(answer.json()["id"], "done", seconds=30)
    lines = await seen.log_lines("scenario-errors", lambda found: len(found) > 0)
    spans = await seen.trace(lines[0]["trace_id"], lambda found: sum(s.name == PROCESS for s in found) == 3)
    charges = [span for span in spans if span.name == "charge payment"]
    assert [charge.failed for charge in charges].count(True) == 2
    assert {charge.attributes["feature_flag.key"] for charge in charges} == {"payment-errors"}
    assert {charge.attributes["feature_flag.result.reason"] for charge in charges} == {"targeting_match"}


async def test_an_operator_switches_a_fault_for_all(
    api: httpx2.AsyncClient, operator: httpx2.AsyncClient, order: dict[str, Any]
) -> None:
    """Within a second of the answer, and off again as soon."""

    async def answers(status: int) -> bool:
        return (await api.post("/v1/orders", json=order)).status_code == status

    assert (await operator.put("/v1/scenarios/traffic-spike")).json()["on"] is True
    try:
        await eventually(partial(answers, 429), seconds=5)
    finally:  # a spike keeps no operator out
        assert (await operator.delete("/v1/scenarios")).status_code == 200
    await eventually(partial(answers, 202), seconds=5)


async def test_nobody_but_an_operator_switches(api: httpx2.AsyncClient) -> None:
    """Looking needs the token, too."""
    for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/smtp-down"), ("DELETE", "/smtp-down")):
        assert (await api.request(method, f"/v1/scenarios{path}")).status_code == 401
