"""How a service lives and ends."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine

import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from observability.metrics import Instruments, metrics_route
from services.common.goodbye import Goodbye
from services.common.lifecycle import Lifetime, until_signalled
from tests.unit.asgi import call, http_scope
from tests.unit.recorder import Recorder


async def forever() -> None:
    """Work until cancelled."""
    await asyncio.Event().wait()


async def failing() -> None:
    """Find a bug."""
    raise ZeroDivisionError


async def ending() -> None:
    """End at once."""


async def cancelled() -> None:
    """End as if a library had cancelled the work."""
    raise asyncio.CancelledError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(number: signal.Signals) -> None:
    """A second signal does no harm: the deadline of the stop holds."""
    lifetime = until_signalled()
    try:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        await asyncio.wait_for(lifetime.wait(), 5)
        assert lifetime.ending
    finally:
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(one)


async def test_background_work_ends_with_its_block() -> None:
    """It is cancelled and awaited; the lifetime goes on."""
    lifetime = Lifetime()
    async with lifetime.background(forever(), "work") as task:
        assert not task.done()
    assert task.cancelled()
    assert not lifetime.ending


@pytest.mark.parametrize(
    ("work", "error"), [(failing, ZeroDivisionError), (ending, RuntimeError), (cancelled, RuntimeError)]
)
async def test_a_service_does_not_outlive_its_parts(
    work: Callable[[], Coroutine[None, None, None]], error: type[Exception]
) -> None:
    """Work that fails, just ends, or was cancelled ends the service with an error, and is logged by name."""
    lifetime = Lifetime()
    with capture_logs() as logs:
        async with lifetime.background(work(), "work"):
            with pytest.raises(error):
                await asyncio.wait_for(lifetime.wait(), 5)
    assert [(line["event"], line["task"]) for line in logs] == [("background task failed", "work")]


async def test_work_that_finishes_when_asked_is_no_failure() -> None:
    """Returning while the service ends is what was wanted."""
    lifetime = Lifetime()
    async with lifetime.background(lifetime.wait(), "work") as task:
        lifetime.end()
        await task
    await lifetime.wait()


@pytest.mark.parametrize("scraped", [False, True])
async def test_a_process_stops_when_prometheus_has_seen_that_it_does(*, scraped: bool) -> None:
    """Its last scrape is waited for, and nobody else's; nothing is waited for where nobody scrapes."""
    lifetime, recorder = Lifetime(), Recorder()
    goodbye = Goodbye(lifetime, Instruments(recorder.registry, enabled=True))
    app = Starlette(routes=[goodbye.on(metrics_route(recorder.registry))])
    prometheus = http_scope("GET", "/metrics", [("x-prometheus-scrape-timeout-seconds", "4")])
    if scraped:
        assert b"service_stopping 0.0" in (await call(app, prometheus)).body
    lifetime.end()
    leaving = asyncio.create_task(goodbye.said())
    await call(app, http_scope("GET", "/metrics"))
    await asyncio.wait([leaving], timeout=0.05)
    assert leaving.done() is not scraped
    assert b"service_stopping 1.0" in (await call(app, prometheus)).body
    async with asyncio.timeout(1):
        await leaving
