"""Durations by when they ended: whether the last minute was as good as the first."""

import math
from collections import Counter
from dataclasses import dataclass, field

LONGEST_SECONDS = 60.0
SHORTEST_SECONDS = 5.0
WANTED = 10


def window_seconds(seconds: float) -> float:
    """Return how long a window is: a tenth of a run, at least 5 s, at most a minute."""
    return min(LONGEST_SECONDS, max(SHORTEST_SECONDS, seconds / WANTED))


def percentile(counts: Counter[int], share: float) -> int:
    """Return the least value that so large a share of all values is not over; 0 when there are none."""
    wanted, seen = math.ceil(counts.total() * share), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0


@dataclass(slots=True)
class Windows:
    """Counts durations in whole milliseconds, each window by itself."""

    length: float
    """Seconds."""
    _counts: dict[int, Counter[int]] = field(default_factory=dict)

    def note(self, second: float, milliseconds: float) -> None:
        """Count a duration that ended so many seconds after the start."""
        self._counts.setdefault(int(second // self.length), Counter())[round(milliseconds)] += 1

    def total(self) -> Counter[int]:
        """Return all of them together."""
        return sum(self._counts.values(), Counter[int]())

    def document(self) -> list[dict[str, float]]:
        """Return when each window began, in seconds, its count, and its percentiles in ms."""
        return [
            {
                "from_s": round(number * self.length, 1),
                "count": counts.total(),
                "p50_ms": percentile(counts, 0.5),
                "p95_ms": percentile(counts, 0.95),
                "p99_ms": percentile(counts, 0.99),
            }
            for number, counts in sorted(self._counts.items())
        ]
