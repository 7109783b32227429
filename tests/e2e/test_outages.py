"""What clients notice when a server is away: as little as possible, and never a lost order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from stack.layout import Layout
from stack.ports import free_port
from stack.servers.services import addresses
from tests.e2e.seen import assert_problem
from tests.e2e.senders import Senders, order_of
from tests.running import current, frozen, killed
from tests.servers import eventually

ORDER = order_of("tok_visa")
READY = {"status": "ready", "checks": {"redis": "ok", "rabbitmq": "ok"}}
pytestmark = pytest.mark.timeout(120)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Hold a block to its time."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


async def answers(api: httpx2.AsyncClient, count: int) -> list[httpx2.Response]:
    """Place so many orders, one after the other, each of which is accepted."""
    found = [await api.post("/v1/orders", json=ORDER) for _ in range(count)]
    assert {answer.status_code for answer in found} == {202}
    return found


async def done(senders: Senders, placed: list[httpx2.Response]) -> None:
    """Wait until every order that was accepted is done."""
    for answer in placed:
        assert (await senders.seen.status(answer.json()["id"], "done", seconds=60))["reason"] is None


async def ready(senders: Senders) -> None:
    """Wait until the api misses nothing, and names each dependency."""

    async def look() -> bool:
        return bool((await senders.api.get("/ready")).json() == READY)

    await eventually(look, seconds=20)


async def test_a_frozen_redis_is_a_503_within_three_seconds(senders: Senders) -> None:
    """The answer says when to come back, readiness names Redis, and all is well afterwards."""
    with frozen(senders.layout, "redis"):
        with at_most(3):
            refused = await senders.api.post("/v1/orders", json=ORDER)
        readiness = await senders.api.get("/ready")
    assert_problem(refused, 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert readiness.status_code == 503
    assert readiness.json()["checks"]["redis"] != "ok"
    await ready(senders)
    await answers(senders.api, 1)


async def test_a_killed_rabbitmq_delays_orders_and_loses_none(senders: Senders) -> None:
    """Orders are accepted all the while, wait in the outbox, and are settled once the broker is back."""
    async with killed(senders.layout, "rabbitmq"):
        accepted = await answers(senders.api, 20)
        readiness = await senders.api.get("/ready")
        assert (readiness.status_code, readiness.json()["status"]) == (200, "degraded")
        assert readiness.json()["checks"]["rabbitmq"] != "ok"
        waiting = await senders.api.get(f"/v1/orders/{accepted[0].json()['id']}")
        assert waiting.json()["status"] == "pending"
    await done(senders, accepted)


async def test_a_frozen_rabbitmq_costs_no_request(senders: Senders) -> None:
    """A broker that hangs until publishing to it times out is noticed by the waiting customer only."""
    log = senders.layout.log("api")
    written = log.stat().st_size
    with frozen(senders.layout, "rabbitmq"):
        with at_most(1):
            accepted = await answers(senders.api, 1)
        await eventually(lambda: b"outbox relay interrupted" in log.read_bytes()[written:], seconds=30)
    await done(senders, accepted)
    assert len(await senders.seen.emails(accepted[0].json()["id"], seconds=30)) == 1


async def test_without_a_trace_store_nothing_changes_for_the_client(senders: Senders) -> None:
    """Requests take no longer, orders are settled, and the lost spans are counted."""

    async def counted() -> bool:
        lost = 'telemetry_spans_total{result="connection_error"}'
        return f"\n{lost} " in (await senders.api.get("/metrics")).text

    async with killed(senders.layout, "traces"):
        with at_most(2):
            accepted = await answers(senders.api, 10)
        await done(senders, accepted)
        await eventually(counted, seconds=30)


async def test_a_busy_worker_ends_in_order(senders: Senders, api: httpx2.AsyncClient, tmp_path: Path) -> None:
    """SIGTERM under load: it finishes what it has begun, exits 0, and none of that is delivered again."""
    log = tmp_path / "worker.log"
    with second_worker(senders.layout, log) as worker:
        await eventually(lambda: "consuming" in log.read_text() or worker.poll(), seconds=20)
        accepted = await asyncio.gather(*(api.post("/v1/orders", json=ORDER) for _ in range(60)))
        await eventually(lambda: "order settled" in log.read_text(), seconds=20)  # others are being processed
        worker.send_signal(signal.SIGTERM)
        asked_to_end = datetime.now(UTC).isoformat()
        assert await asyncio.to_thread(worker.wait, 25) == 0
    await done(senders, accepted)
    lines = parsed(log)
    assert [line for line in lines if line["event"] == "order settled" and line["timestamp"] > asked_to_end]
    ours = {answer.headers["x-correlation-id"] for answer in accepted}
    lines += parsed(senders.layout.log("worker"))
    outcomes = [line["outcome"] for line in lines if line.get("correlation_id") in ours and "outcome" in line]
    assert outcomes == ["done"] * len(ours)


def parsed(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a log."""
    return [json.loads(line) for line in log.read_text().splitlines()]


@contextmanager
def second_worker(layout: Layout, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run another worker beside the stack's, slow enough to be busy."""
    ports = {**addresses(current(layout).ports, "worker"), "HTTP_PORT": str(free_port())}
    environment = {**os.environ, **ports, "PAYMENT_LATENCY_MS": "1000"}
    command = [sys.executable, "-m", "services.worker"]
    with log.open("wb") as output:
        worker = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603 - our own
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(5)
