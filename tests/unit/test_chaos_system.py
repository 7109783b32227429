"""What a chaos run starts: each process is known from its first moment on, and none is left behind."""

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


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """What has begun is written down before the next begins, and so whoever cleans up finds and ends it."""
    good, layout = program(tmp_path, SLEEPER, name="api"), Layout(tmp_path)
    bad = replace(good, name="worker", command=("/does/not/exist",))
    blueprint = Blueprint(layout, Ports(), [], {"api": good, "worker": bad, "notifier": bad}, {})
    try:
        with pytest.raises(StackError, match="worker: cannot run"):
            await System(blueprint, Progress(io.StringIO())).start(["api", "worker"])
        written = state.load(layout)
        assert written
        assert [one.name for one in written.running()] == ["api"]
        processes.stop_all(written.processes)
        with pytest.raises(StackError, match="worker: cannot run"):
            async with running(blueprint, Progress(io.StringIO())):
                pass
        assert not processes.marked((f"{tmp_path}|",))
        assert not layout.state.exists()
    finally:
        processes.sweep([processes.mark_prefix(tmp_path, "api")])
