"""One command at a time, and every command can be interrupted."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stack.errors import StackError
from stack.layout import Layout
from stack.locking import interruptible, locked, uninterrupted


def test_a_second_command_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    """Two `up` at once would start everything twice; after a failure the lock is free again."""
    layout = Layout(tmp_path / "new")
    for _ in range(2):
        refused = pytest.raises(StackError, match=f"another command is at work .* \\(pid {os.getpid()}\\)")
        with locked(layout), refused, locked(layout):
            pass
        with pytest.raises(RuntimeError), locked(layout):
            raise RuntimeError


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """A file in the way, or another user's folder."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StackError, match=r"cannot use .*/file/run"),
        locked(Layout(tmp_path / "file" / "run")),
    ):
        pass


@pytest.fixture
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """Return a signal that has its default effect; the tests may run under nohup, where it is ignored."""
    found: signal.Signals = request.param
    before = {one: signal.getsignal(one) for one in (found, signal.SIGINT)}
    signal.signal(found, signal.SIG_DFL)
    yield found
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], indirect=True)
def test_a_signal_to_end_goes_through_every_finally(number: signal.Signals, interrupts: Any) -> None:  # noqa: ANN401 - a handler
    """As Ctrl-C does, also in a shell's background job; before and after, the process is as it was."""
    signal.signal(signal.SIGINT, interrupts)
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM], indirect=True)
def test_a_signal_to_end_ends_asynchronous_work_in_order(number: signal.Signals) -> None:
    """Its tasks are cancelled inside their loop, as asyncio does for Ctrl-C, and not torn down with it."""
    left: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            left.append("in order")
            raise

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), interruptible():
        asyncio.run(work())
    assert left == ["in order"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_cleaning_up_is_not_interrupted(number: signal.Signals) -> None:
    """A second Ctrl-C, or a signal while a nested command runs, leaves nothing half-stopped."""
    with uninterrupted(), interruptible():
        os.kill(os.getpid(), number)
