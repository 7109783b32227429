"""The slowest requests of each entry, with the ids under which they can be looked at."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from loadtests.identity import Journey

KEPT = 10


@dataclass(slots=True)
class Slowest:
    """Keeps the slowest few of each entry: memory is bounded by the number of entries."""

    kept: int = KEPT
    _heaps: dict[str, list[tuple[float, int, Journey]]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def note(self, entry: str, milliseconds: float, journey: Journey) -> None:
        """Keep it when it is among the slowest."""
        heap = self._heaps.setdefault(entry, [])
        item = (milliseconds, next(self._numbers), journey)
        if len(heap) < self.kept:
            heapq.heappush(heap, item)
        else:
            heapq.heappushpop(heap, item)

    def document(self, traces: str) -> dict[str, list[dict[str, str | float]]]:
        """Return them by entry, the slowest first, each with where its trace can be opened."""
        return {
            entry: [
                {
                    "ms": round(milliseconds, 1),
                    "trace_id": journey.trace_id,
                    "correlation_id": journey.correlation_id,
                    "trace": f"{traces}/trace/{journey.trace_id}",
                }
                for milliseconds, _, journey in sorted(heap, reverse=True)
            ]
            for entry, heap in sorted(self._heaps.items())
        }
