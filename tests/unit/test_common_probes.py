"""Probes: each dependency named, no answer that takes for ever, and changes that are reported."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from operator import eq

import pytest
from redis.exceptions import ResponseError
from starlette.applications import Starlette

from services.common import probes
from services.common.lifecycle import Lifetime
from services.common.probes import Ping, probe_routes, readiness, watch_dependencies
from tests.servers import eventually
from tests.unit.asgi import call, http_scope

FULL = "ResponseError: memory is full; no orders"


async def answers() -> None:
    """Be there."""


async def refuses() -> None:
    """Be away."""
    raise ConnectionRefusedError("no route")


async def fails_silently() -> None:
    """Be away without a word."""
    raise TimeoutError


async def takes_no_writes() -> None:
    """Be there for reading only."""
    raise ResponseError("memory is full")


async def hangs() -> None:
    """Never answer."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("redis", "rabbitmq", "status", "checks"),
    [
        (answers, answers, "ready", {"redis": "ok", "rabbitmq": "ok"}),
        (answers, refuses, "degraded", {"redis": "ok", "rabbitmq": "ConnectionRefusedError: no route"}),
        (takes_no_writes, answers, "degraded", {"redis": FULL, "rabbitmq": "ok"}),
        (fails_silently, answers, "unavailable", {"redis": "TimeoutError; no orders", "rabbitmq": "ok"}),
        (
            refuses,
            fails_silently,
            "unavailable",
            {"redis": "ConnectionRefusedError: no route; no orders", "rabbitmq": "TimeoutError"},
        ),
    ],
)
async def test_each_dependency_is_named(
    redis: Callable[[], Awaitable[None]],
    rabbitmq: Callable[[], Awaitable[None]],
    status: str,
    checks: dict[str, str],
) -> None:
    """An error that is tolerated degrades the service, any other makes it unavailable."""
    pings = {"redis": Ping(redis, (ResponseError,), "no orders"), "rabbitmq": Ping(rabbitmq, (Exception,))}
    assert await readiness(pings) == {"status": status, "checks": checks}


async def test_a_dependency_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are asked at once, each within its deadline."""
    monkeypatch.setattr(probes, "PING_TIMEOUT_SECONDS", 0.02)
    body = await asyncio.wait_for(readiness({str(n): Ping(hangs) for n in range(100)}), 2)
    assert (body["status"], body["checks"]) == ("unavailable", {str(n): "TimeoutError" for n in range(100)})


@pytest.mark.parametrize(("ending", "status"), [(False, 200), (True, 503)])
async def test_a_service_that_ends_is_not_ready(*, ending: bool, status: int) -> None:
    """Load balancers look away before it stops; it lives on until then."""
    app = Starlette(routes=list(probe_routes({"redis": Ping(answers)}, lambda: ending)))
    assert (await call(app, http_scope("GET", "/ready"))).status == status
    assert (await call(app, http_scope("GET", "/health"))).json() == {"status": "ok"}


async def test_each_dependency_is_reported_as_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes away is seen as away and one that returns as there; the other is not mixed up with it."""
    monkeypatch.setattr(probes, "WATCH_SECONDS", 0.001)
    state, seen = {"redis": answers}, dict[str, bool]()

    async def redis() -> None:
        await state["redis"]()

    pings = {"redis": Ping(redis), "rabbitmq": Ping(answers)}
    async with Lifetime().background(watch_dependencies(pings, seen.__setitem__), "dependency watch"):
        for up in (True, False, True):
            state["redis"] = answers if up else refuses
            await eventually(partial(eq, seen, {"redis": up, "rabbitmq": True}), seconds=2)
