"""A soak as a table for people and as a document for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtests.soak.judge import Row, judge
from loadtests.soak.samples import Sample
from loadtests.soak.search import Step, highest
from stack.progress import DIM, GREEN, RED, Progress, columns

SHOWN_REASONS = 3
LOAD = ("orders", "entries", "settled_windows", "errors", "error_rate", "broken", "lost", "slowest")


@dataclass(frozen=True, slots=True)
class Soaked:
    """How a soak went."""

    seconds: int
    rate: float
    steps: Sequence[Step]
    """How the rate was found; none when it was given."""
    found: dict[str, Any]
    """The load test's document."""
    samples: Sequence[Sample]

    @property
    def rows(self) -> list[Row]:
        """Everything that is judged."""
        return judge(self.found, self.samples, self.seconds, self.rate)


def document(soaked: Soaked) -> dict[str, Any]:
    """Return everything that was found, as JSON takes it."""
    rows = soaked.rows
    return {
        "ok": all(row.ok for row in rows),
        "highest_rate": highest(soaked.steps),
        "rate": soaked.rate,
        "seconds": soaked.seconds,
        "rows": [asdict(row) for row in rows],
        "search": [{**asdict(step), "held": step.held} for step in soaked.steps],
        "load": {name: soaked.found[name] for name in LOAD},
        "samples": [asdict(sample) for sample in soaked.samples],
    }


def line(step: Step) -> str:
    """Return a step in one line."""
    more = ["…"] if len(step.reasons) > SHOWN_REASONS else []
    reasons = "; ".join([*step.reasons[:SHOWN_REASONS], *more])
    how = "held" if step.held else f"not held: {reasons}"
    seen = f"outbox {step.outbox_age:.1f} s, {step.waiting:.0f} waiting, p99 {step.settled_p99_ms:.0f} ms"
    return f"{step.rate:g} orders/s: {how} ({seen})"


def show(rows: Sequence[Row], progress: Progress) -> None:
    """Write the table."""
    head, *lines = columns([("soak", "seen", "may be"), *((row.name, row.seen, row.bound) for row in rows)])
    progress.write()
    progress.write(progress.paint(head, DIM))
    for row, text in zip(rows, lines, strict=True):
        progress.write(progress.paint(text, GREEN if row.ok else RED))
