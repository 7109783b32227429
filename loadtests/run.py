"""One run: what users share, and what is counted beside Locust's own statistics."""

import heapq
import math
import os
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import NoOpTracer, Tracer

from loadtests.journey import Journey, Ledger
from loadtests.options import Options
from loadtests.orders import SETTLED_ENTRY

ORDER = "ORDER"
"""The method of entries that are no requests."""
SLOWEST = 10


@dataclass(slots=True)
class Run:
    """The state of one run; its memory is bounded by the number of entries and windows."""

    options: Options
    tracer: Tracer = field(default_factory=NoOpTracer)
    api_key: str = field(default_factory=lambda: os.environ.get("API_KEY", ""))
    ledger: Ledger = field(default_factory=Ledger)
    limits: Counter[str] = field(default_factory=Counter)
    """How often the user over the limit reached it, or why there was no such user."""
    rng: random.Random = field(default_factory=random.Random)
    began: float = field(default_factory=time.monotonic)
    over: threading.Event = field(default_factory=threading.Event)
    ended: float | None = None
    """When users were asked to stop: what they finish afterwards is no time of the run."""
    _slowest: dict[str, list[tuple[float, Journey]]] = field(default_factory=lambda: defaultdict(list))
    _windows: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Whole ms from acceptance to settlement, by the number of the window in which they ended."""

    def note(self, method: str, name: str, milliseconds: float, journey: Journey) -> None:
        """Count a request, or the end of an order."""
        heap = self._slowest[title(method, name)]
        heapq.heappush(heap, (milliseconds, journey))
        if len(heap) > SLOWEST:
            heapq.heappop(heap)
        if name == SETTLED_ENTRY:
            number = int((time.monotonic() - self.began) // self.window)
            self._windows[number][round(milliseconds)] += 1

    def headers(self, journey: Journey) -> dict[str, str]:
        """Return what each request of a journey carries."""
        return {**journey.headers, **({"X-API-Key": self.api_key} if self.api_key else {})}

    @property
    def seconds(self) -> float:
        """How long users have been at work, or had been at the end."""
        return (self.ended or time.monotonic()) - self.began

    @property
    def window(self) -> float:
        """The length of a window: a tenth of a run, at least 5 s, at most a minute."""
        return min(60.0, max(5.0, self.options.seconds / 10))

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

    def slowest(self) -> dict[str, list[dict[str, Any]]]:
        """Return the slowest requests of each entry, the slowest first, each with its trace."""
        return {
            entry: [{"ms": round(ms, 1), **self.references(one)} for ms, one in sorted(heap, reverse=True)]
            for entry, heap in sorted(self._slowest.items())
        }

    def references(self, journey: Journey) -> dict[str, str]:
        """Return the ids under which a journey can be found, and the address of its trace, if any."""
        trace_id = journey.trace_id
        trace = f"{self.options.traces}/trace/{trace_id}" if trace_id else ""
        return {"trace_id": trace_id, "correlation_id": journey.correlation_id, "trace": trace}


def title(method: str, name: str) -> str:
    """Return the title of an entry."""
    return name if method == ORDER else f"{method} {name}"


def percentile(counts: Counter[int], percent: int) -> int:
    """Return the least value that so many percent of all values do not exceed; 0 when there are none."""
    values = sorted(counts.elements())
    return values[math.ceil(len(values) * percent / 100) - 1] if values else 0
