"""What clients notice when a server is away: as little as possible, and never a lost order."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.e2e.seen import assert_problem
from tests.e2e.senders import Senders, order_of
from tests.running import frozen, killed
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
