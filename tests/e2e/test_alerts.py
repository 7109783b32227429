"""An alert about a real fault really arrives as an email, and so does the news that it is over."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from stack.layout import Layout
from tests.running import Endpoints, current, killed, running_stack
from tests.servers import eventually

COMPONENTS = "api,worker,notifier,rabbitmq,redis,prometheus,alertmanager,inbox"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return the files of a stack of its own: alerts of others are about other faults."""
    return Layout(tmp_path_factory.mktemp("alerts"))


@pytest.fixture(scope="module")
def watched(own: Layout) -> Iterator[Endpoints]:
    """Run what an alert passes through, with windows of seconds."""
    with running_stack(own.run_dir, only=COMPONENTS, environment={"DRILL_FAST": "1"}) as endpoints:
        yield endpoints


async def mailed(inbox: str, subject: str, text: str) -> dict[str, Any]:
    """Wait for an email with this subject that has this text in it."""
    async with httpx2.AsyncClient(base_url=f"{inbox}/api/v1", timeout=10, trust_env=False) as client:

        async def look() -> dict[str, Any] | None:
            for one in (await client.get("/messages", params={"limit": 200})).json()["messages"]:
                mail: dict[str, Any] = (await client.get(f"/message/{one['ID']}")).json()
                if mail["Subject"] == subject and text in mail["HTML"]:
                    return mail
            return None

        return await eventually(look, seconds=60)


async def test_a_killed_service_is_an_email_and_its_return_another(watched: Endpoints, own: Layout) -> None:
    """To the operators, with what is wrong, the dashboard to open and the runbook to follow."""
    ports = current(own).ports
    what = f"notifier 127.0.0.1:{ports.notifier} does not answer Prometheus"
    async with killed(own, "notifier"):
        mail = await mailed(watched["mail"], "[FIRING] ServiceDown (page)", what)
    assert [to["Address"] for to in mail["To"]] == ["operators@orderscope.example"]
    dashboard = f"http://127.0.0.1:{ports.grafana}/d/orderscope-service?var-service=notifier"
    assert dashboard in mail["HTML"]
    assert "docs/runbooks/ServiceDown.md" in mail["HTML"]
    await mailed(watched["mail"], "[RESOLVED] ServiceDown (page)", what)


async def test_a_queue_that_recovers_is_an_email_though_the_next_one_grows(watched: Endpoints) -> None:
    """Its backlog moves on to the queue behind it, whose alert is still firing."""

    def alert(queue: str, minutes: float) -> dict[str, Any]:
        labels = {"alertname": "BacklogGrowing", "severity": "page", "queue": queue}
        ends = datetime.now(UTC) + timedelta(minutes=minutes)
        return {"labels": labels, "annotations": {"summary": f"{queue} grows"}, "endsAt": ends.isoformat()}

    async with httpx2.AsyncClient(base_url=watched["alertmanager"], timeout=10, trust_env=False) as client:
        for first in (5, 0):
            alerts = [alert("first", first), alert("second", 5)]
            (await client.post("/api/v2/alerts", json=alerts)).raise_for_status()
            for queue in ("first", "second") if first else ("first",):
                state = "FIRING" if first else "RESOLVED"
                await mailed(watched["mail"], f"[{state}] BacklogGrowing (page)", f"{queue} grows")
