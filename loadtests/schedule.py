"""When users come and act: the shapes of a run, and the pace of one user."""

import math
from random import Random

RAMP_STEPS = 10
SPIKE_BEGINS, SPIKE_ENDS = 0.4, 0.6
"""As shares of the whole time."""
BETWEEN_SPIKES = 0.2
"""The share of the users that is there before and after the spike."""
SPREAD = 0.5


def users_at(shape: str, second: float, *, seconds: float, users: int) -> int | None:
    """Return how many users place orders at a second; None at the end.

    `steady` and `soak` are all users all the time; `ramp` adds a tenth of them ten times; `spike` is all of
    them for a fifth of the time, and a fifth of them before and after.
    """
    if second >= seconds:
        return None
    passed = second / seconds
    if shape == "ramp":
        return math.ceil(users * (math.floor(passed * RAMP_STEPS) + 1) / RAMP_STEPS)
    if shape == "spike" and not SPIKE_BEGINS <= passed < SPIKE_ENDS:
        return math.ceil(users * BETWEEN_SPIKES)
    return users


class Pace:
    """Start times around an interval, so that users who came together do not act together.

    Counted from one planned start to the next: a slow answer costs no orders, unless it takes longer than the
    interval. What is missed then is not made up for.
    """

    def __init__(self, interval: float, rng: Random, now: float) -> None:
        """Plan a first start somewhere within the first interval; times in seconds of one clock."""
        self._interval = interval
        self._rng = rng
        self._next = now + rng.uniform(0, interval)

    def wait(self, now: float) -> float:
        """Return how long to wait for the planned start, and plan the one after it."""
        start = max(now, self._next)
        self._next = start + self._interval * self._rng.uniform(1 - SPREAD, 1 + SPREAD)
        return start - now
