"""`make load` against the running stack: its exit status, its reports, its way into the traces."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.seen import SERVICES, Seen, Span, spans
from tests.servers import eventually

SECONDS = 8
pytestmark = pytest.mark.timeout(120)


def load(run_dir: Path, results: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command against the running stack."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "stack", "load", "--run-dir", str(run_dir)],
        env={**os.environ, "LOAD_RESULTS": str(results), "LOAD_RATE": "10", **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


async def stored(seen: Seen, trace_id: str) -> list[Span]:
    """Return a trace's spans once the last is there; the user's own, which they hang from, never is."""

    async def look() -> list[Span] | None:
        response = await seen.client.get(f"{seen.endpoints['traces']}/api/v3/traces/{trace_id}")
        found = spans(response.json()["result"]) if response.status_code == 200 else []
        ended = any(span.name == "send email" for span in found)  # and each service exports by itself
        return found if ended and {span.service for span in found} >= set(SERVICES) else None

    return await eventually(look, seconds=15)


async def test_users_place_orders_and_each_is_settled(seen: Seen, run_dir: Path, tmp_path: Path) -> None:
    """Nothing fails, nor does what is refused on purpose; the slowest order leads to its trace."""
    # How fast a machine is that runs tests besides is not the question.
    patient = {"LOAD_P95_MS": "5000", "LOAD_SETTLED_P99_MS": "20000", "LOAD_MAX_ERRORS": "0"}
    ended = load(run_dir, tmp_path, LOAD_SECONDS=str(SECONDS), **patient)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "load.json").read_text())
    orders = found["orders"]
    assert orders["promised"] == orders["settled"] == orders["done"] + orders["failed"] > SECONDS * 10 / 2
    assert (orders["lost"], found["failures"], found["errors"]) == (0, 0, [])
    titles = {entry["title"] for entry in found["entries"]}
    assert {"accept to settled", "POST /v1/orders (again)", "POST /v1/orders (key of another)"} <= titles
    assert {"POST bad input: no JSON", "GET /v1/orders/{id}/events"} <= titles
    (slowest, *_) = found["slowest"]["accept to settled"]
    trace = await stored(seen, slowest["trace_id"])
    assert {span.service for span in trace} == {"api", "worker", "notifier"}
    lines = await seen.log_lines(slowest["correlation_id"], bool)
    assert {line["trace_id"] for line in lines if "trace_id" in line} == {slowest["trace_id"]}
    assert "accept to settled" in (tmp_path / "load.html").read_text()
    assert "load: ok\n" in ended.stdout
    assert "accept to settled" in ended.stderr  # Locust's own tables


def test_a_broken_threshold_is_status_1(stack: dict[str, str], run_dir: Path, tmp_path: Path) -> None:
    """And is told with by how much; the stack goes on running."""
    del stack  # it runs
    ended = load(run_dir, tmp_path, LOAD_SECONDS="3", LOAD_P95_MS="1")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "load.json").read_text())
    assert not found["ok"]
    assert any("POST /v1/orders: p95" in text and "over 1 ms by" in text for text in found["broken"])
    assert all(f"over its threshold: {text}\n" in ended.stdout for text in found["broken"])
    assert (run_dir / "endpoints.json").exists()
