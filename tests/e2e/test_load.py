"""`make load` against the running stack: its exit status, its reports, its way into the traces."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.orders import INVALID
from stack.layout import Layout
from tests.e2e.seen import SERVICES
from tests.e2e.senders import Senders
from tests.telemetry.spans import Span

SECONDS = 10
RATE = 10
pytestmark = pytest.mark.timeout(120)


def load(layout: Layout, results: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command against the running stack."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "stack", "load", "--run-dir", str(layout.run_dir)],
        env={**os.environ, "LOAD_RESULTS": str(results), "LOAD_RATE": str(RATE), **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


async def test_users_place_orders_and_each_is_settled(senders: Senders, tmp_path: Path) -> None:
    """Nothing fails, nor does what is refused on purpose; the slowest order leads to its trace."""
    # How fast a machine is that runs tests besides is not the question.
    generous = {"LOAD_P95_MS": "5000", "LOAD_SETTLED_P99_MS": "20000", "LOAD_MAX_ERRORS": "0"}
    ended = load(senders.layout, tmp_path, LOAD_SECONDS=str(SECONDS), **generous)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "load.json").read_text())
    orders = found["orders"]
    assert orders["promised"] == orders["settled"] == orders["done"] + orders["failed"] > SECONDS * RATE / 2
    assert (orders["lost"], found["failures"], found["errors"]) == (0, 0, [])
    titles = {entry["title"] for entry in found["entries"]}
    assert {"accept to settled", "POST /v1/orders (again)", "POST /v1/orders (key of another)"} <= titles
    assert {f"{'POST' if one.body else 'GET'} bad input: {one.name}" for one in INVALID} <= titles
    slowest, *_ = found["slowest"]["accept to settled"]

    def complete(spans: list[Span]) -> bool:  # each service exports by itself
        return {"loadtest", *SERVICES} <= {span.service for span in spans} and "send email" in {
            x.name for x in spans
        }

    spans = await senders.seen.trace(slowest["trace_id"], complete)
    assert [span.service for span in spans if not span.parent_id] == ["loadtest"]
    lines = await senders.seen.log_lines(slowest["correlation_id"])
    assert {line["trace_id"] for line in lines if "trace_id" in line} == {slowest["trace_id"]}
    assert "accept to settled" in (tmp_path / "load.html").read_text()
    assert "load: ok\n" in ended.stdout
    assert "accept to settled" in ended.stderr  # Locust's own tables
