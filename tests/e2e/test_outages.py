"""What clients notice when a server is away: as little as possible, and never a lost order."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from stack import processes, state
from stack.layout import Layout
from stack.processes import Process
from stack.servers.services import addresses
from tests.e2e.seen import Seen
from tests.e2e.test_bad_input import assert_problem
from tests.running import restart
from tests.servers import eventually

FREEZE_SECONDS = 20
"""Longer than a publish may take, and than heartbeats wait before they give a broker up (18 s)."""
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def layout(stack: dict[str, str], run_dir: Path) -> Layout:
    """Return the files of the running stack."""
    del stack  # it runs
    return Layout(run_dir)


def component(layout: Layout, name: str) -> Process:
    """Return a running component."""
    current = state.load(layout)
    assert current is not None
    return next(process for process in current.processes if process.name == name)


@contextmanager
def frozen(layout: Layout, name: str) -> Iterator[None]:
    """Freeze a component while the block runs."""
    process = component(layout, name)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@asynccontextmanager
async def killed(layout: Layout, name: str) -> AsyncIterator[None]:
    """Kill a component before the block runs, and start it again after."""
    processes.stop(component(layout, name), kill=True)
    try:
        yield
    finally:
        await asyncio.to_thread(restart, layout.run_dir, name)


async def ready(api: httpx2.AsyncClient) -> bool:
    """Whether the api misses nothing."""
    return bool((await api.get("/ready")).json()["status"] == "ready")


async def test_a_frozen_redis_is_a_503_within_three_seconds(
    api: httpx2.AsyncClient, layout: Layout, order: dict[str, Any]
) -> None:
    """The client is told when to come back, readiness names Redis, and all is well afterwards."""
    with frozen(layout, "redis"):
        began = time.monotonic()
        refused = await api.post("/v1/orders", json=order)
        elapsed = time.monotonic() - began
        readiness = await api.get("/ready")
    assert_problem(refused, 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert elapsed < 3
    assert readiness.status_code == 503
    assert readiness.json()["checks"]["redis"] != "ok"
    await eventually(lambda: ready(api), seconds=20)
    assert (await api.post("/v1/orders", json=order)).status_code == 202


async def test_a_killed_redis_forgets_nothing(
    api: httpx2.AsyncClient, layout: Layout, seen: Seen, order: dict[str, Any]
) -> None:
    """Requests meanwhile get 503 at once; every order that was answered 202 is there and is settled."""
    accepted = [(await api.post("/v1/orders", json=order)).json()["id"] for _ in range(20)]
    async with killed(layout, "redis"):
        began = time.monotonic()
        assert_problem(await api.post("/v1/orders", json=order), 503)
        assert time.monotonic() - began < 1
    await eventually(lambda: ready(api), seconds=20)
    for order_id in accepted:
        await seen.status(order_id, "done", seconds=60)


async def test_a_killed_rabbitmq_delays_orders_and_loses_none(
    api: httpx2.AsyncClient, layout: Layout, seen: Seen, order: dict[str, Any]
) -> None:
    """Orders are accepted all the while, wait in the outbox, and are settled once the broker is back."""
    async with killed(layout, "rabbitmq"):
        answers = [await api.post("/v1/orders", json=order) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {202}
        readiness = await api.get("/ready")
        assert (readiness.status_code, readiness.json()["status"]) == (200, "degraded")
        assert readiness.json()["checks"]["rabbitmq"] != "ok"
        order_id = answers[0].json()["id"]
        assert (await api.get(f"/v1/orders/{order_id}")).json()["status"] == "pending"
    for answer in answers:
        await seen.status(answer.json()["id"], "done", seconds=60)


async def test_a_frozen_rabbitmq_costs_no_request(
    api: httpx2.AsyncClient, layout: Layout, seen: Seen, order: dict[str, Any]
) -> None:
    """A broker that hangs is noticed by nobody but those who wait for their order."""
    with frozen(layout, "rabbitmq"):
        began = time.monotonic()
        answer = await api.post("/v1/orders", json=order)
        assert time.monotonic() - began < 1
        assert answer.status_code == 202
        await asyncio.sleep(FREEZE_SECONDS)
    await seen.status(answer.json()["id"], "done", seconds=60)
    assert len(await seen.emails(answer.json()["id"], seconds=30)) == 1


async def test_without_a_trace_store_nothing_changes_for_the_client(
    api: httpx2.AsyncClient, layout: Layout, seen: Seen, order: dict[str, Any]
) -> None:
    """Requests take no longer, orders are settled, and the lost spans are counted."""
    async with killed(layout, "traces"):
        began = time.monotonic()
        answers = [await api.post("/v1/orders", json=order) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {202}
        assert time.monotonic() - began < 2
        await seen.status(answers[-1].json()["id"], "done")

        async def lost() -> bool:
            lines = (await api.get("/metrics")).text.splitlines()
            return any(x.startswith('telemetry_spans_total{result="connection_error"}') for x in lines)

        await eventually(lost, seconds=30)


async def test_a_busy_worker_ends_in_order(
    api: httpx2.AsyncClient, layout: Layout, seen: Seen, order: dict[str, Any], tmp_path: Path
) -> None:
    """SIGTERM under load: it finishes what it has in hand, exits 0, and none of that is delivered again."""
    with second_worker(layout, tmp_path) as worker:
        answers = await asyncio.gather(*(api.post("/v1/orders", json=order) for _ in range(60)))
        log = tmp_path / "worker.log"

        async def first_is_settled() -> bool:
            return "order settled" in log.read_text()

        await eventually(first_is_settled, seconds=20)  # the others are in hand
        worker.send_signal(signal.SIGTERM)
        asked_to_end = datetime.now(UTC).isoformat()
        assert await asyncio.to_thread(worker.wait, 25) == 0
    for answer in answers:
        assert (await seen.status(answer.json()["id"], "done"))["reason"] is None
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if line["event"] == "order settled" and line["timestamp"] > asked_to_end]
    ours = {answer.headers["x-correlation-id"] for answer in answers}
    lines += [json.loads(line) for line in layout.log("worker").read_text().splitlines()]
    outcomes = [line["outcome"] for line in lines if line.get("correlation_id") in ours and "outcome" in line]
    assert outcomes == ["done"] * len(ours)


@contextmanager
def second_worker(layout: Layout, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run another worker beside the stack's, slow enough to be busy, and yield it once it consumes."""
    current = state.load(layout)
    assert current is not None
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    environment = {
        **os.environ,
        **addresses(current.ports, "worker"),
        "HTTP_PORT": str(port),
        "PAYMENT_LATENCY_MS": "1000",
    }
    log = directory / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "services.worker"], env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 20
        while "consuming" not in log.read_text():
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield worker
    finally:
        worker.kill()
        worker.wait(5)
