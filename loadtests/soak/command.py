"""`python -m stack soak`: finds the highest rate that is held, and keeps up most of it for long."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.options import INTERVAL_SECONDS, OptionError
from loadtests.soak import report
from loadtests.soak.locust import run_locust
from loadtests.soak.options import SHARE, Options, parse
from loadtests.soak.report import Soaked
from loadtests.soak.samples import Sample, Watcher, sampling, watcher
from loadtests.soak.search import Step, highest, search, step, step_seconds
from loadtests.soak.target import under_load
from stack.errors import StackError
from stack.layout import Layout, write_atomically
from stack.locking import interruptible
from stack.progress import GREEN, RED, YELLOW, Progress, progress_on

USAGE = 2
SEARCH_LOOKS = 1.0
MAX_LOOKS = 240
LEAST_PAUSE = 2.0
"""Seconds between two looks during the soak; more, when it is long."""


@dataclass(frozen=True, slots=True)
class Soak:
    """A stack under load, and who looks at it."""

    layout: Layout
    environment: Mapping[str, str]
    watcher: Watcher

    def load(
        self, rate: float, seconds: int, pause: float, *, quiet: bool
    ) -> tuple[dict[str, Any], list[Sample]]:
        """Put the stack under load; return the load test's document, and what was seen meanwhile.

        Raises:
            StackError: The load test wrote none.
        """
        results = self.layout.run_dir / "soak-load"
        told = {"LOAD_RATE": f"{rate:g}", "LOAD_SECONDS": str(seconds), "LOAD_SHAPE": "soak"}
        file = results / "load.json"
        file.unlink(missing_ok=True)
        with sampling(self.watcher.look, pause) as samples:
            run_locust(self.layout, {**self.environment, **told, "LOAD_RESULTS": str(results)}, quiet=quiet)
        return _read(file), samples


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Return 0 when nothing grew, dropped, slowed down or was lost, 1 otherwise, 2 for wrong options.

    Raises:
        StackError: The stack cannot be started, or holds no rate at all.
    """
    try:
        options = parse(given)
    except OptionError as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error}", RED))
        return USAGE
    # The load test's own variables are ours to set; the native stack is what is soaked.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOAD_")}
    with interruptible(), under_load(layout, environment, INTERVAL_SECONDS, progress) as where:
        endpoints = json.loads(layout.endpoints.read_text(encoding="utf-8"))
        soak = Soak(layout, {**environment, **where}, watcher(layout, endpoints["prometheus"]))
        soaked = _soaked(soak, options, progress)
    return _conclude(layout, soaked, progress)


def _soaked(soak: Soak, options: Options, progress: Progress) -> Soaked:
    steps = [] if options.rate else find(soak, progress)
    rate = options.rate or round(SHARE * highest(steps), 1)
    progress.say("soak", f"{rate:g} orders/s for {options.seconds} s")
    pause = max(LEAST_PAUSE, options.seconds / MAX_LOOKS)
    found, samples = soak.load(rate, options.seconds, pause, quiet=False)
    return Soaked(options.seconds, rate, steps, found, samples)


def _conclude(layout: Layout, soaked: Soaked, progress: Progress) -> int:
    file, document = layout.run_dir / "soak.json", report.document(soaked)
    write_atomically(file, json.dumps(document, indent=1) + "\n")
    report.show(soaked.rows, progress)
    ok = bool(document["ok"])
    progress.write(progress.paint(f"soak: {'ok' if ok else 'failed'}; {file}", GREEN if ok else RED))
    return 0 if ok else 1


def find(soak: Soak, progress: Progress) -> list[Step]:
    """Return the steps to the highest rate that is held.

    Raises:
        StackError: Not even the lowest is.
    """

    def attempt(rate: float) -> Step:
        found, samples = soak.load(rate, step_seconds(rate), SEARCH_LOOKS, quiet=True)
        tried = step(rate, found, samples)
        progress.say("search", report.line(tried), GREEN if tried.held else YELLOW)
        return tried

    steps = search(attempt)
    if not highest(steps):
        raise StackError(f"no rate is held: {report.line(steps[0])}")
    return steps


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StackError(f"the load test broke off: there is no {file}") from error
    return found
