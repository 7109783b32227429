"""One run: what users share, and what is counted beside Locust's own statistics."""

import heapq
import itertools
import math
import os
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from loadtests.journey import Journey
from loadtests.ledger import Ledger
from loadtests.options import Options
from loadtests.orders import SETTLED_ENTRY
from loadtests.verdict import title

SLOWEST = 10
WINDOWS, SHORTEST_WINDOW, LONGEST_WINDOW = 10, 5.0, 60.0
"""A window is a tenth of a run, at least 5 s, at most a minute."""


@dataclass(slots=True)
class Run:
    """The state of one run; its memory is bounded by the number of entries and windows."""

    options: Options
    api_key: str = field(default_factory=lambda: os.environ.get("API_KEY", ""))
    ledger: Ledger = field(default_factory=Ledger)
    limits: Counter[str] = field(default_factory=Counter)
    """How often the user over the limit reached it, or why there was no such user."""
    rng: random.Random = field(default_factory=random.Random)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    """When users were asked to stop: what they finish afterwards is no time of the run."""
    _slowest: dict[str, list[tuple[float, int, Journey]]] = field(default_factory=lambda: defaultdict(list))
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _windows: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Whole ms from acceptance to settlement, by the number of the window in which they ended."""

    def note(self, method: str, name: str, milliseconds: float, journey: Journey) -> None:
        """Count a request, or the end of an order."""
        heap = self._slowest[title(method, name)]
        heapq.heappush(heap, (milliseconds, next(self._numbers), journey))
        if len(heap) > SLOWEST:
            heapq.heappop(heap)
        if name == SETTLED_ENTRY:
            number = int((time.monotonic() - self.began) // self.window)
            self._windows[number][round(milliseconds)] += 1

    def headers(self, journey: Journey, *, api_key: bool = True) -> dict[str, str]:
        """Return what each request of a journey carries."""
        return {**journey.headers, **({"X-API-Key": self.api_key} if api_key and self.api_key else {})}

    @property
    def seconds(self) -> float:
        """How long users have been at work, or had been at the end."""
        return (self.ended or time.monotonic()) - self.began

    @property
    def window(self) -> float:
        """The length of a window in seconds."""
        return min(LONGEST_WINDOW, max(SHORTEST_WINDOW, self.options.seconds / WINDOWS))

    def windows(self) -> list[dict[str, float]]:
        """Return when each window began, in seconds, its count, and its percentiles in ms."""
        return [
            {
                "from_s": round(number * self.window, 1),
                "count": counts.total(),
                **{f"p{share}_ms": percentile(counts, share) for share in (50, 95, 99)},
            }
            for number, counts in sorted(self._windows.items())
        ]

    def slowest(self) -> dict[str, list[dict[str, str | float]]]:
        """Return the slowest requests of each entry, the slowest first, each with its trace."""
        return {
            entry: [
                {"ms": round(milliseconds, 1), **self.references(journey)}
                for milliseconds, _, journey in sorted(heap, reverse=True)
            ]
            for entry, heap in sorted(self._slowest.items())
        }

    def references(self, journey: Journey) -> dict[str, str]:
        """Return the ids under which a journey can be found, and the address of its trace."""
        return {
            "trace_id": journey.trace_id,
            "correlation_id": journey.correlation_id,
            "trace": f"{self.options.traces}/trace/{journey.trace_id}",
        }


def percentile(counts: Counter[int], percent: int) -> int:
    """Return the least value that so many percent of all values do not exceed; 0 when there are none."""
    wanted, seen = math.ceil(counts.total() * percent / 100), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0
