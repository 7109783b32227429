"""How a service lives and ends."""

import asyncio
import os
import signal

import pytest
from structlog.testing import capture_logs

from services.common.lifecycle import Lifetime, until_signalled


async def forever() -> None:
    """Work until cancelled."""
    await asyncio.Event().wait()


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


async def test_a_service_does_not_outlive_its_parts() -> None:
    """Work that fails ends the service with its error, and is logged by name."""
    lifetime = Lifetime()

    async def fail() -> None:
        raise ZeroDivisionError

    with capture_logs() as logs:
        async with lifetime.background(fail(), "divider"):
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(lifetime.wait(), 5)
    assert [(line["event"], line["task"]) for line in logs] == [("background task failed", "divider")]


async def test_work_that_finishes_when_asked_is_no_failure() -> None:
    """Returning while the service ends is what was wanted."""
    lifetime = Lifetime()

    async def work() -> None:
        await lifetime.wait()

    async with lifetime.background(work(), "work") as task:
        lifetime.end()
        await task
    await lifetime.wait()


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_service_does_not_go_on_without_its_work(cancelled: bool) -> None:  # noqa: FBT001 - a parameter
    """Work that just ends, or that a library cancelled, ends the service with an error."""
    lifetime = Lifetime()

    async def work() -> None:
        if cancelled:
            raise asyncio.CancelledError

    async with lifetime.background(work(), "work"):
        with pytest.raises(RuntimeError, match="ended by itself"):
            await asyncio.wait_for(lifetime.wait(), 5)
