"""Reading and following orders, and the metrics."""

import re
import subprocess

import httpx2
import pytest

from tests.e2e.seen import SERVICES
from tests.e2e.senders import Senders
from tests.running import address


@pytest.mark.parametrize(("headers", "expected"), [({}, 0), ({"Last-Event-ID": "1"}, 1)])
async def test_following_shows_each_status_as_it_happens(
    senders: Senders, headers: dict[str, str], expected: int
) -> None:
    """The stream says each at once, in order, and ends; it can be resumed."""
    path = f"/v1/orders/{await senders.place()}/events"
    async with senders.api.stream("GET", path, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in response.aiter_lines()]
    statuses = [line.split('"')[3] for line in lines if line.startswith("data: ")]
    assert statuses == ["pending", "processing", "done"][expected:]


async def test_settled_orders_are_read_from_memory(senders: Senders) -> None:
    """The second read of a settled order is a hit, and counted; the list shows the same order first."""
    order_id = await senders.place()
    await senders.seen.status(order_id, "done")
    first = (await senders.api.get(f"/v1/orders/{order_id}")).json()
    before = await hits(senders.api)
    assert (await senders.api.get(f"/v1/orders/{order_id}")).json() == first
    assert await hits(senders.api) == before + 1
    page = (await senders.api.get("/v1/orders", params={"limit": 1})).json()
    assert page["items"] == [first]
    following = {"limit": 1, "cursor": page["next_cursor"]}
    assert (await senders.api.get("/v1/orders", params=following)).json()["items"] != [first]


async def hits(api: httpx2.AsyncClient) -> float:
    """Return how many reads of orders were hits so far."""
    text = (await api.get("/metrics")).text
    [value] = re.findall(r'^order_cache_reads_total{result="hit"} (.*)$', text, re.MULTILINE)
    return float(value)


@pytest.mark.parametrize("service", SERVICES)
async def test_metrics_pass_promtool_and_carry_exemplars(senders: Senders, service: str) -> None:
    """Plain text for everyone, OpenMetrics with trace ids for who asks."""
    await senders.seen.emails(await senders.place())
    metrics = f"{address(senders.layout, service)}/metrics"
    text = await senders.api.get(metrics)
    assert text.headers["content-type"].startswith("text/plain")
    check = ["promtool", "check", "metrics"]  # installed with Prometheus
    checked = subprocess.run(check, input=text.text, capture_output=True, text=True, check=False)  # noqa: ASYNC221, S603
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    openmetrics = await senders.api.get(metrics, headers={"accept": "application/openmetrics-text"})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert re.search(r'# \{[^}]*trace_id="[0-9a-f]{32}"', openmetrics.text)
    assert openmetrics.text.endswith("# EOF\n")
