"""An alert about a real fault really arrives as an email, and so does its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from stack import processes, state
from stack.layout import Layout
from tests.running import Endpoints, restart, running_stack
from tests.servers import eventually

COMPONENTS = "api,worker,notifier,rabbitmq,redis,prometheus,alertmanager,inbox"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return the files of a stack of its own: alerts of others are about other faults."""
    return Layout(tmp_path_factory.mktemp("alerts"))


@pytest.fixture(scope="module")
def watched(layout: Layout) -> Iterator[Endpoints]:
    """Run the components that an alert passes through, with windows of seconds."""
    with running_stack(layout.run_dir, only=COMPONENTS, environment={"DRILL_FAST": "1"}) as endpoints:
        yield endpoints


async def email(inbox: str, subject: str, *texts: str) -> dict[str, Any]:
    """Wait for an email with this subject that contains these texts."""
    async with httpx2.AsyncClient(base_url=inbox, timeout=10, trust_env=False) as client:

        async def look() -> dict[str, Any] | None:
            found = (await client.get("/api/v1/messages", params={"limit": 200})).json()["messages"]
            for one in found:
                mail: dict[str, Any] = (await client.get(f"/api/v1/message/{one['ID']}")).json()
                if mail["Subject"] == subject and all(text in mail["HTML"] for text in texts):
                    return mail
            return None

        return await eventually(look, seconds=60)


async def test_a_killed_service_is_an_email_and_its_return_another(
    watched: Endpoints, layout: Layout
) -> None:
    """To the operators, with what is wrong, the dashboard to open and the runbook to follow."""
    current = state.load(layout)
    assert current is not None
    notifier = next(process for process in current.processes if process.name == "notifier")
    processes.stop(notifier, kill=True)
    what = f"notifier 127.0.0.1:{current.ports.notifier} does not answer Prometheus"
    mail = await email(watched["mail"], "[FIRING] ServiceDown (page)", what)
    assert [to["Address"] for to in mail["To"]] == ["operators@orderscope.example"]
    assert (
        f"http://127.0.0.1:{current.ports.grafana}/d/orderscope-service?var-service=notifier" in mail["HTML"]
    )
    assert "docs/runbooks/ServiceDown.md" in mail["HTML"]
    restart(Path(layout.run_dir), "notifier")
    await email(watched["mail"], "[RESOLVED] ServiceDown (page)", what)


async def test_a_queue_that_recovers_is_reported_though_the_next_one_grows(watched: Endpoints) -> None:
    """Its backlog moves on to the queue behind it, whose alert is still firing."""

    def alert(queue: str, ends: datetime) -> dict[str, Any]:
        labels = {"alertname": "BacklogGrowing", "severity": "page", "queue": queue}
        return {"labels": labels, "annotations": {"summary": f"{queue} grows"}, "endsAt": ends.isoformat()}

    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(minutes=5)
    async with httpx2.AsyncClient(base_url=watched["alertmanager"], timeout=10, trust_env=False) as client:
        both = [alert("first", later), alert("second", later)]
        (await client.post("/api/v2/alerts", json=both)).raise_for_status()
        for queue in ("first", "second"):
            await email(watched["mail"], "[FIRING] BacklogGrowing (page)", f"{queue} grows")
        over = [alert("first", now), alert("second", later)]
        (await client.post("/api/v2/alerts", json=over)).raise_for_status()
        await email(watched["mail"], "[RESOLVED] BacklogGrowing (page)", "first grows")
