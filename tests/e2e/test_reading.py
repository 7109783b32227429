"""Reading and following orders, the limits, the document, the metrics."""

import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aio_pika.abc import AbstractChannel

from stack import state
from stack.layout import Layout
from tests.e2e.seen import Seen


async def test_following_shows_each_status_as_it_happens(
    api: httpx2.AsyncClient, order: dict[str, Any]
) -> None:
    """The stream tells pending, processing and done, in this order, and ends; it can be resumed."""
    order_id = (await api.post("/v1/orders", json=order)).json()["id"]
    assert await streamed(api, order_id) == ["pending", "processing", "done"]
    assert await streamed(api, order_id, {"Last-Event-ID": "1"}) == ["processing", "done"]


async def streamed(
    api: httpx2.AsyncClient, order_id: str, headers: dict[str, str] | None = None
) -> list[str]:
    """Return the statuses of an order's event stream, which ends by itself."""
    async with api.stream("GET", f"/v1/orders/{order_id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in response.aiter_lines()]
    return [line.split('"')[3] for line in lines if line.startswith("data: ")]


async def test_settled_orders_are_read_from_memory(
    api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any]
) -> None:
    """The second read of a settled order is a hit, and both are counted."""
    order_id = (await api.post("/v1/orders", json=order)).json()["id"]
    await seen.status(order_id, "done")
    before = await reads(api, "hit")
    answers = [(await api.get(f"/v1/orders/{order_id}")).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["status"] == "done"
    assert await reads(api, "hit") == before + 1


async def reads(api: httpx2.AsyncClient, result: str) -> float:
    """Return how many reads of orders were hits or misses so far."""
    text = (await api.get("/metrics")).text
    [line] = [x for x in text.splitlines() if x.startswith(f'order_cache_reads_total{{result="{result}"}}')]
    return float(line.split()[-1])


async def test_the_list_leads_to_every_order(api: httpx2.AsyncClient, order: dict[str, Any]) -> None:
    """Pages follow one another without gap or overlap."""
    placed = [(await api.post("/v1/orders", json=order)).json()["id"] for _ in range(5)]
    first = (await api.get("/v1/orders", params={"limit": 3})).json()
    second = (await api.get("/v1/orders", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids[:5] == placed[::-1]


async def test_answers_tell_the_rate_limit(api: httpx2.AsyncClient, order: dict[str, Any]) -> None:
    """Every answer of the orders' routes says what is left."""
    for response in (await api.post("/v1/orders", json=order), await api.get("/v1/orders")):
        assert int(response.headers["ratelimit-remaining"]) < int(response.headers["ratelimit-limit"])
        assert response.headers["ratelimit-reset"].isdigit()


async def test_the_document_names_every_route_and_its_example_is_accepted(
    api: httpx2.AsyncClient, order: dict[str, Any]
) -> None:
    """What `/openapi.json` says can be relied upon."""
    document = (await api.get("/openapi.json")).json()
    assert {
        "/v1/orders",
        "/v1/orders/{order_id}",
        "/v1/orders/{order_id}/status",
        "/v1/orders/{order_id}/events",
    } < set(document["paths"])
    assert {"/health", "/ready", "/metrics"} < set(document["paths"])
    assert (await api.post("/v1/orders", json=order)).status_code == 202


@pytest.mark.parametrize("service", ["api", "worker", "notifier"])
async def test_metrics_pass_promtool_and_carry_exemplars(
    api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any], run_dir: Path, service: str
) -> None:
    """Plain text for everyone, OpenMetrics with trace ids for who asks."""
    order_id = (await api.post("/v1/orders", json=order)).json()["id"]
    await seen.emails(order_id)
    current = state.load(Layout(run_dir))
    assert current is not None
    address = f"http://127.0.0.1:{getattr(current.ports, service)}/metrics"
    text = await api.get(address)
    assert text.headers["content-type"].startswith("text/plain")
    checked = subprocess.run(  # noqa: ASYNC221 - quick, and nothing else is going on
        ["promtool", "check", "metrics"],  # noqa: S607 - installed with Prometheus
        input=text.text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    openmetrics = await api.get(address, headers={"accept": "application/openmetrics-text"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert re.search(r'# \{[^}]*trace_id="[0-9a-f]{32}"', openmetrics.text)
    assert openmetrics.text.endswith("# EOF\n")


async def test_prometheus_scrapes_everything(seen: Seen, channel: AbstractChannel) -> None:
    """All targets are up, and the queues' depths are known."""
    del channel  # the broker's queues exist
    assert await seen.prometheus("min(up) == 1") == 1
    assert await seen.prometheus('sum(up{job=~"api|worker|notifier"}) == 3') == 3
    ready = 'rabbitmq_detailed_queue_messages_ready{queue="worker.order-created"}'
    assert await seen.prometheus(f"count({ready})") == 1


async def test_readiness_names_each_dependency(api: httpx2.AsyncClient) -> None:
    """Both are named, and nothing is missing."""
    response = await api.get("/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"redis": "ok", "rabbitmq": "ok"}}
