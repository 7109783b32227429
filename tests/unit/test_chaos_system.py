"""What a chaos run starts: each process is known from its first moment on."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from resilience.chaos.blueprint import Blueprint
from resilience.chaos.system import System, running
from stack import processes, state
from stack.errors import StackError
from stack.layout import Layout
from stack.ports import Ports
from stack.progress import Progress
from tests.unit.stack_fakes import SLEEPER, program


async def test_what_has_begun_is_known_when_the_next_does_not_begin(tmp_path: Path) -> None:
    """Also to whoever cleans up after this process, by what is written down."""
    good, layout = program(tmp_path, SLEEPER, name="good"), Layout(tmp_path)
    bad = replace(good, name="bad", command=("/does/not/exist",))
    system = System(Blueprint(layout, Ports(), [], {"good": good, "bad": bad}, {}), Progress(io.StringIO()))
    with pytest.raises(StackError, match="bad: cannot run"):
        await system.start(["good", "bad"])
    try:
        written = state.load(layout)
        assert written is not None
        assert [one.name for one in written.running()] == list(system.processes) == ["good"]
    finally:
        processes.sweep([processes.mark_prefix(tmp_path, "good")])


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither a process nor what says that one runs."""
    good, layout = program(tmp_path, SLEEPER, name="api"), Layout(tmp_path)
    bad = replace(good, name="worker", command=("/does/not/exist",))
    specs = {"api": good, "worker": bad, "notifier": bad}
    try:
        with pytest.raises(StackError, match="worker: cannot run"):
            async with running(Blueprint(layout, Ports(), [], specs, {}), Progress(io.StringIO())):
                pass
        assert not processes.marked((f"{tmp_path}|",))
        assert not layout.state.exists()
    finally:
        processes.sweep([processes.mark_prefix(tmp_path, "api")])
