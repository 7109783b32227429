"""The highest rate that the system holds: step by step until something piles up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.options import INTERVAL_SECONDS, SPAWNED_A_SECOND
from loadtests.soak.judge import Row, evident, of_load_test, oldest
from loadtests.soak.samples import Sample, known

RATES = (10.0, 25.0, 40.0, 60.0, 90.0, 130.0, 190.0, 270.0, 390.0, 550.0)
STEP_SECONDS = 12
"""How long a step keeps up its rate, once all users have started."""
SETTLED_IN = 5.0
"""Seconds after which a step's samples count: Prometheus scrapes every five."""
MAX_OUTBOX_AGE, MAX_WAITING_SECONDS = 1.0, 1.0
"""How long an entry may wait; the queues may hold as many messages as orders are placed in this time."""
ALL_BUT_ONE = 0.99
"""The share of samples that may lack a value."""


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that was tried, and what it is judged by."""

    rate: float
    rows: Sequence[Row]

    @property
    def held(self) -> bool:
        """Whether nothing piled up."""
        return all(row.ok for row in self.rows)

    def __str__(self) -> str:
        """Return the step in one line: why its rate was not held, or everything."""
        shown = [f"{row.name} {row.seen}" for row in self.rows if self.held or not row.ok]
        return f"{self.rate:g} orders/s: {'held' if self.held else 'not held'} ({', '.join(shown)})"


def step_seconds(rate: float) -> int:
    """Return how long the load test of a step takes: at high rates users take seconds to start."""
    return STEP_SECONDS + max(0, math.ceil(rate * INTERVAL_SECONDS / SPAWNED_A_SECOND) - 1)


def step(rate: float, found: dict[str, Any], samples: Sequence[Sample]) -> Step:
    """Return what a step came to, by the load test's document and the samples; one that knows is enough."""
    counted = [sample for sample in samples if sample.second >= SETTLED_IN]
    ages, waits = [sample.outbox_age for sample in counted], [sample.waiting for sample in counted]
    waiting, bound = max(known(waits), default=0.0), rate * MAX_WAITING_SECONDS
    queued = Row("waiting in queues", f"{waiting:.0f}", f"{bound:.0f}", waiting <= bound)
    piled = [evident(oldest(counted, MAX_OUTBOX_AGE), ages, ALL_BUT_ONE), evident(queued, waits, ALL_BUT_ONE)]
    return Step(rate, [*of_load_test(found, rate), *piled])


def search(attempt: Callable[[float], Step]) -> list[Step]:
    """Try rates until one is not held, then one between it and the one before; return all steps in order."""
    steps = list[Step]()
    for rate in RATES:
        steps.append(attempt(rate))
        if not steps[-1].held:
            break
    if len(steps) > 1 and not steps[-1].held:
        steps.append(attempt(round((steps[-2].rate + steps[-1].rate) / 2)))
    return steps


def highest(steps: Sequence[Step]) -> float:
    """Return the highest rate that was held; 0 when none was."""
    return max((one.rate for one in steps if one.held), default=0.0)
