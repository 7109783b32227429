"""Locust in a process of its own: it patches the whole process that imports it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from stack.layout import ROOT, Layout
from stack.processes import LOAD, MARK, mark_prefix

FINISH_SECONDS = 120.0
"""Users may finish their journeys, and every promised order is waited for."""


def run_locust(layout: Layout, environment: Mapping[str, str], *, quiet: bool = False) -> int:
    """Run the load test; on an interrupt it ends early, and still reports.

    Returns its exit status. By its mark, `down` ends what was left behind.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtests"],
        cwd=ROOT,
        env={**environment, MARK: mark_prefix(layout.run_dir, LOAD)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        start_new_session=True,  # Ctrl-C reaches it once, through us
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait(FINISH_SECONDS)
        raise
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
