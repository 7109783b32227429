"""When a user begins its next journey."""

from random import Random

SPREAD = 0.5


class Pace:
    """Times around an interval, so that users who came together do not go on together.

    Counted from one planned start to the next: a slow answer costs no orders, unless it takes longer than the
    interval. What is missed then is not made up for.
    """

    def __init__(self, interval: float, rng: Random, now: float) -> None:
        """Plan a first start somewhere within the first interval; times in seconds of one clock."""
        self._interval = interval
        self._rng = rng
        self._next = now + rng.uniform(0, interval)

    def wait(self, now: float) -> float:
        """Return how long to wait for the start that is planned, and plan the one after it."""
        start = max(now, self._next)
        self._next = start + self._interval * self._rng.uniform(1 - SPREAD, 1 + SPREAD)
        return start - now
