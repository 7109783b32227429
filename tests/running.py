"""The native stack as the tests start it: in a folder of its own, on ports of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        _stack("up", "--run-dir", str(run_dir), *selection, environment=environment)
        yield json.loads((run_dir / "endpoints.json").read_text())
    finally:
        # What is thrown away need not be stopped in order.
        _stack("down", "--purge", "--run-dir", str(run_dir), timeout=STOP_TIMEOUT_SECONDS)


def restart(run_dir: Path, component: str) -> None:
    """Start a component again that was killed, on the same ports."""
    _stack("restart", component, "--run-dir", str(run_dir))


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
