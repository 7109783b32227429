"""`soak`: finds the highest rate that is held, and keeps up most of it for long."""

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from loadtests import options
from loadtests.options import INTERVAL_SECONDS, MAX_RATE, MAX_SECONDS, number
from loadtests.soak.judge import Row, judge
from loadtests.soak.process import run_locust
from loadtests.soak.samples import Sample, Watcher, sampling
from loadtests.soak.search import Step, highest, search, step, step_seconds
from loadtests.soak.target import Target, under_load
from stack import state
from stack.errors import StackError
from stack.layout import Layout, write_atomically
from stack.locking import interruptible
from stack.progress import DIM, GREEN, RED, YELLOW, Progress, columns

SHARE = 0.7
"""The part of the highest rate that is kept up."""
SEARCH_PAUSE, LEAST_PAUSE, MAX_SAMPLES = 1.0, 2.0, 240
"""Seconds between two samples in the search and in the soak, and how many a long soak takes."""
COPIED = ("orders", "entries", "settled_windows", "errors", "error_rate", "broken", "lost", "slowest")
"""What is taken over from the load test's document."""
OPTIONS: options.Table = {
    "seconds": (number(30, MAX_SECONDS, int), "600", "how long"),
    "rate": (number(1, MAX_RATE), "", "orders a second (70 %% of the highest rate, found first)"),
}


add_options = partial(options.add_options, prefix="SOAK", table=OPTIONS)


@dataclass(frozen=True, slots=True)
class Soak:
    """A stack under load, and who samples it."""

    layout: Layout
    target: Target
    watcher: Watcher
    progress: Progress

    def load(
        self, rate: float, seconds: int, pause: float, *, quiet: bool
    ) -> tuple[dict[str, Any], list[Sample]]:
        """Put the stack under load; return the load test's document, and the samples taken meanwhile.

        Raises:
            StackError: The load test wrote no document.
        """
        file = self.layout.run_dir / "soak-load" / "load.json"
        file.unlink(missing_ok=True)
        environment = {
            **self.target.environment(),
            "LOAD_HOST": self.target.host,
            "LOAD_TRACES": self.target.traces,
            "LOAD_RATE": f"{rate:g}",
            "LOAD_SECONDS": str(seconds),
            "LOAD_SHAPE": "soak",
            "LOAD_RESULTS": str(file.parent),
        }
        with sampling(self.watcher.look, pause) as samples:
            run_locust(self.layout, environment, quiet=quiet)
        if not file.exists():
            raise StackError(f"the load test broke off: there is no {file}")
        return json.loads(file.read_text(encoding="utf-8")), samples

    def attempt(self, rate: float) -> Step:
        """Try a rate, and say whether it was held."""
        tried = step(rate, *self.load(rate, step_seconds(rate), SEARCH_PAUSE, quiet=True))
        self.progress.say("search", str(tried), GREEN if tried.held else YELLOW)
        return tried


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Find the highest rate that is held, keep up most of it, and see whether anything gets worse.

    Return 0 when nothing grew, was dropped, slowed down or was lost, 1 otherwise.

    Raises:
        StackError: The stack cannot be started, or holds no rate at all.
    """
    with interruptible(), under_load(layout, "", INTERVAL_SECONDS, progress) as target:
        endpoints, current = json.loads(layout.endpoints.read_text(encoding="utf-8")), state.load(layout)
        if current is None:
            raise StackError(f"nothing runs in {layout.run_dir}")
        soak = Soak(layout, target, Watcher(current, endpoints["prometheus"]), progress)
        steps = [] if given.rate else search(soak.attempt)
        if steps and not highest(steps):
            raise StackError(f"no rate is held: {steps[0]}")
        rate = given.rate or round(SHARE * highest(steps), 1)
        progress.say("soak", f"{rate:g} orders/s for {given.seconds} s")
        pause = max(LEAST_PAUSE, given.seconds / MAX_SAMPLES)
        found, samples = soak.load(rate, given.seconds, pause, quiet=False)
    rows, file = judge(found, samples, given.seconds, rate), layout.run_dir / "soak.json"
    written = {"rate": rate, "seconds": given.seconds, **document(rows, steps, found, samples)}
    write_atomically(file, json.dumps(written, indent=1) + "\n")
    show(rows, progress)
    ok = all(row.ok for row in rows)
    progress.write(progress.paint(f"soak: {'ok' if ok else 'failed'}; {file}", GREEN if ok else RED))
    return 0 if ok else 1


def document(
    rows: Sequence[Row], steps: Sequence[Step], found: dict[str, Any], samples: Sequence[Sample]
) -> dict[str, Any]:
    """Return everything that was found, as JSON takes it."""
    return {
        "ok": all(row.ok for row in rows),
        "highest_rate": highest(steps),
        "rows": [asdict(row) for row in rows],
        "search": [{**asdict(step), "held": step.held} for step in steps],
        "load": {name: found[name] for name in COPIED},
        "samples": [asdict(sample) for sample in samples],
    }


def show(rows: Sequence[Row], progress: Progress) -> None:
    """Write the table."""
    head, *lines = columns([("soak", "seen", "may be"), *((row.name, row.seen, row.bound) for row in rows)])
    progress.write(f"\n{progress.paint(head, DIM)}")
    for row, text in zip(rows, lines, strict=True):
        progress.write(progress.paint(text, GREEN if row.ok else RED))
