"""Following orders, and the metrics."""

import re
import subprocess

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
