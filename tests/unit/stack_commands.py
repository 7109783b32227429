"""The stack's command line, with small programs in place of servers."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from cli.command import main
from stack import probes, processes, state
from stack.components import BUILDERS, Plan
from stack.layout import Layout
from stack.processes import Process
from stack.spec import Spec
from tests.unit.stack_fakes import SERVER, program, until

Build = Callable[[Plan], Spec]


@dataclass(frozen=True)
class FakeStack:
    """A run directory, and the commands for it."""

    layout: Layout
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, command: str, *arguments: str) -> int:
        """Run a command and return its exit status."""
        return main([command, "--run-dir", str(self.layout.run_dir), *arguments])

    def put(self, name: str, code: str, ready: Callable[[], bool] = lambda: False) -> None:
        """Run other code in the place of a component."""

        def build(plan: Plan) -> Spec:
            return program(plan.layout.run_dir, code, name=name, ready=ready)

        self.monkeypatch.setitem(cast("dict[str, Build]", BUILDERS), name, build)

    def running(self) -> dict[str, Process]:
        """Return what runs, by name."""
        current = state.load(self.layout)
        return {process.name: process for process in current.running()} if current else {}

    def left_over(self) -> list[int]:
        """Return the processes of this stack, whoever remembers them."""
        return processes.marked((f"{self.layout.run_dir}|",))


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """Return the command line for a run directory that does not exist yet."""
    with fake_stack(tmp_path / "run dir", monkeypatch) as found:
        yield found


@contextmanager
def fake_stack(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """Replace some components by small HTTP servers, and stop what runs in the end."""
    found = FakeStack(Layout(run_dir), monkeypatch)
    for name in ("redis", "inbox", "api"):
        monkeypatch.setitem(cast("dict[str, Build]", BUILDERS), name, server(name))
    yield found
    found("down")
    assert not found.left_over()


def server(name: str) -> Build:
    """Return how to run a small HTTP server in the place of a component."""

    def build(plan: Plan) -> Spec:
        port: int = getattr(plan.ports, name)
        spec = program(plan.layout.run_dir, SERVER, str(port), name=name, ready=probes.http(port, "/"))
        return replace(spec, ports={name: port})

    return build


def kill(process: Process) -> None:
    """End a process as a crash does."""
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: processes.exit_status(process) or not processes.alive(process))
