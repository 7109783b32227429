"""`demo`: starts what does not run, demonstrates, and leaves things as they were."""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping

import httpx2
from rich.console import Console

from cli.demo.show import show
from stack import state
from stack.errors import StackError, reason
from stack.layout import Layout
from stack.locking import interruptible
from stack.operators import operator
from stack.progress import Progress
from stack.up import serving, show_addresses

POLL_SECONDS = 1.0
SILENT = {
    "TELEMETRY": {"off"},
    "OTEL_SDK_DISABLED": {"true"},
    "OTEL_TRACES_EXPORTER": {"none"},
    "LOG_LEVEL": {"WARNING", "ERROR", "CRITICAL"},
}
"""Settings with which there is nothing to show."""


def command(layout: Layout, _given: Namespace, progress: Progress) -> int:
    """Start everything, place orders, show their traces, logs and metrics, and stop it again.

    Return 0 when everything was shown as it should be, 1 otherwise. At a terminal the stack goes on serving
    until Ctrl-C. A stack that ran before is left running.

    Raises:
        StackError: The environment turns off what is to be shown.
    """
    refuse_silence(os.environ)
    failure = None
    try:
        with interruptible(), serving(layout, progress) as ours:
            failure = _demonstrate(layout, progress)
            if failure is None:
                show_addresses(layout, progress)
            if failure is None and sys.stdout.isatty():
                _serve(layout, progress, ours=ours)
    except StackError as error:
        failure = str(error)
    progress.write(f"demo: failed: {failure}" if failure else "demo: ok")
    return 1 if failure else 0


def refuse_silence(environ: Mapping[str, str]) -> None:
    """Make sure that the services emit what is to be shown.

    Raises:
        StackError: The environment turns it off.
    """
    for name, values in SILENT.items():
        if (value := environ.get(name, "")) in values:
            raise StackError(f"the demo shows traces and log lines, which {name}={value} turns off")


def _demonstrate(layout: Layout, progress: Progress) -> str | None:
    """Show everything; return what was not as it should be, if anything."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    endpoints = json.loads(layout.endpoints.read_text(encoding="utf-8"))
    try:
        show(endpoints, layout.logs, operator(layout, None), console, progress.elapsed)
    except (RuntimeError, TimeoutError, httpx2.HTTPError, OSError) as error:
        return f"{reason(error)}; the logs are in {layout.logs}"
    return None


def _serve(layout: Layout, progress: Progress, *, ours: bool) -> None:
    ends = "stops everything" if ours else "ends the demo; the stack ran before, and goes on"
    progress.write(f"Serving; Ctrl-C {ends}")
    try:
        while state.load(layout):
            time.sleep(POLL_SECONDS)
        progress.write("The stack was stopped by another command")
    except KeyboardInterrupt:
        progress.write()
