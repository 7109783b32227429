"""The highest rate that the system holds: step by step until something piles up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.options import INTERVAL_SECONDS, SPAWNED_A_SECOND
from loadtests.soak.samples import Sample, known

RATES = (10.0, 25.0, 40.0, 60.0, 90.0, 130.0, 190.0, 270.0, 390.0, 550.0)
STEP_SECONDS = 12
"""How long a step keeps up its rate, once all users have started."""
SETTLED_IN = 5.0
"""Seconds after which a step's samples count: Prometheus scrapes every five."""
MAX_OUTBOX_AGE, MAX_WAITING_SECONDS = 1.0, 1.0
"""How long an entry may wait; the queues may hold as many messages as orders are placed in this time."""


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that was tried."""

    rate: float
    reached: float
    """Orders a second that were accepted."""
    outbox_age: float
    waiting: float
    settled_p99_ms: float
    reasons: tuple[str, ...]
    """Why the rate was not held; empty when it was."""

    @property
    def held(self) -> bool:
        """Whether nothing piled up."""
        return not self.reasons

    def __str__(self) -> str:
        """Return the step in one line."""
        how = f"not held: {'; '.join(self.reasons)}" if self.reasons else "held"
        seen = f"outbox {self.outbox_age:.1f} s, {self.waiting:.0f} waiting, p99 {self.settled_p99_ms:.0f} ms"
        return f"{self.rate:g} orders/s: {how} ({seen})"


def step_seconds(rate: float) -> int:
    """Return how long the load test of a step takes: at high rates users take seconds to start."""
    return STEP_SECONDS + max(0, math.ceil(rate * INTERVAL_SECONDS / SPAWNED_A_SECOND) - 1)


def step(rate: float, found: dict[str, Any], samples: Sequence[Sample]) -> Step:
    """Return what a step came to, by the load test's document and the samples."""
    counted = [sample for sample in samples if sample.second >= SETTLED_IN]
    ages, waits = known(one.outbox_age for one in counted), known(one.waiting for one in counted)
    age, waiting = max(ages, default=0.0), max(waits, default=0.0)
    unknown = [name for name, values in (("outboxes", ages), ("queues", waits)) if not values]
    reasons = list(found["broken"])
    if not found["rate_held"]:
        reasons.append(f"only {found['orders']['per_second']} orders/s were placed")
    if not counted:
        reasons.append("Prometheus did not answer")
    elif unknown:
        reasons.append(f"Prometheus knows nothing of {' and '.join(unknown)}")
    if age > MAX_OUTBOX_AGE:
        reasons.append(f"an entry waited {age:.1f} s in an outbox")
    if waiting > rate * MAX_WAITING_SECONDS:
        reasons.append(f"{waiting:.0f} messages waited in queues")
    p99 = max((window["p99_ms"] for window in found["settled_windows"]), default=0)
    return Step(rate, found["orders"]["per_second"], age, waiting, p99, tuple(reasons))


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
