"""Locust, in a process of its own: it patches the whole process that imports it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from stack.layout import ROOT, Layout
from stack.processes import LOAD, MARK, mark_prefix

FINISH_SECONDS = 120.0
"""Users may finish, and every promised order is waited for."""


def mark(layout: Layout) -> str:
    """Return what marks the load tests of a run directory."""
    return mark_prefix(layout.run_dir, LOAD)


def run_locust(layout: Layout, environment: Mapping[str, str], *, quiet: bool = False) -> int:
    """Run the load tests and return their exit status; on an interrupt they end early, and still report."""
    # A session of its own: Ctrl-C reaches it once, through us. The mark lets `down` end what we left behind.
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtests"],
        cwd=ROOT,
        env={**environment, MARK: mark(layout)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        start_new_session=True,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(FINISH_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        return  # it is killed
