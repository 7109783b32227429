"""The native stack as the tests start it: in a folder of its own, on ports of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from stack import processes, state
from stack.layout import Layout
from stack.processes import Process

Endpoints = dict[str, str]
START_TIMEOUT_SECONDS = 240  # includes installing the servers on a machine that has none
STOP_TIMEOUT_SECONDS = 60


@contextmanager
def running_stack(
    run_dir: Path, *, only: str | None = None, environment: dict[str, str] | None = None
) -> Iterator[Endpoints]:
    """Start the stack (or some of its components), yield its endpoints, and leave no process behind."""
    selection = ["--only", only] if only else []
    try:
        # Another test's stack that starts while a service is down would take its customary port.
        _stack("up", "--any-ports", "--run-dir", str(run_dir), *selection, environment=environment)
        yield json.loads((run_dir / "endpoints.json").read_text())
    finally:
        # What is thrown away need not be stopped in order.
        _stack("down", "--purge", "--run-dir", str(run_dir), timeout=STOP_TIMEOUT_SECONDS)


def current(layout: Layout) -> state.State:
    """Return what a running stack has written down about itself."""
    found = state.load(layout)
    assert found is not None
    return found


def address(layout: Layout, service: str) -> str:
    """Return where a service of a running stack is asked by HTTP."""
    return f"http://127.0.0.1:{getattr(current(layout).ports, service)}"


def component(layout: Layout, name: str) -> Process:
    """Return a running component."""
    return next(process for process in current(layout).processes if process.name == name)


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
    """Kill a component before the block runs, and start it again after, on the same ports."""
    processes.stop(component(layout, name), kill=True)
    try:
        yield
    finally:
        await asyncio.to_thread(_stack, "restart", name, "--run-dir", str(layout.run_dir))


def _stack(
    *arguments: str, environment: dict[str, str] | None = None, timeout: float = START_TIMEOUT_SECONDS
) -> None:
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "stack", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert result.returncode == 0, f"stack {arguments[0]} failed:\n{result.stdout}\n{result.stderr}"
