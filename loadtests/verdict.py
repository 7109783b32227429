"""The thresholds: what must not be, and by how much it was."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.options import Options
from loadtests.orders import PLAIN

ORDER = "ORDER"
"""The method of entries that are no requests."""
HELD = 0.9
"""The share of the rate that was asked for at which it counts as held."""
STEADY = frozenset({"steady", "soak"})
"""The shapes with all users all the time, once they have come."""


def title(method: str, name: str) -> str:
    """Return how an entry is called."""
    return name if method == ORDER else f"{method} {name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the statistics; percentiles in ms."""

    method: str
    name: str
    requests: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @property
    def title(self) -> str:
        """How it is called."""
        return title(self.method, self.name)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    entries: Sequence[Entry]
    promised: int
    settled: int
    lost: Sequence[str]
    """Order ids that were promised to be settled, and were not in time."""
    seconds: float

    @property
    def requests(self) -> int:
        """All requests, and all orders that were followed to their end."""
        return sum(entry.requests for entry in self.entries)

    @property
    def failures(self) -> int:
        """Those of them that were not as they must be."""
        return sum(entry.failures for entry in self.entries)

    @property
    def error_rate(self) -> float:
        """Failures of each request."""
        return self.failures / self.requests if self.requests else 0.0


def broken(options: Options, result: Result) -> list[str]:
    """Return what is over its threshold, and by how much; nothing when all is well."""
    slow = [
        f"{entry.title}: p95 {entry.p95_ms:g} ms is over {options.p95_ms:g} ms by {over:g} ms"
        for entry in result.entries
        if entry.method != ORDER and (over := entry.p95_ms - options.p95_ms) > 0
    ]
    late = [
        f"{entry.title}: p99 {entry.p99_ms:g} ms is over {options.settled_p99_ms:g} ms by {over:g} ms"
        for entry in result.entries
        if entry.name == PLAIN and (over := entry.p99_ms - options.settled_p99_ms) > 0
    ]
    over = result.error_rate - options.max_errors
    share = f"{result.failures} of {result.requests} ({result.error_rate:.2%})"
    wrong = [f"errors: {share} are over {options.max_errors:.2%} by {over:.2%}"] if over > 0 else []
    lost = [f"lost: {len(result.lost)} of {result.promised} promised orders"] if result.lost else []
    idle = [] if result.promised else ["no order was accepted"]
    return [*slow, *late, *wrong, *lost, *idle]


def orders_per_second(options: Options, result: Result) -> float:
    """Return the orders that were accepted in a second.

    Where all users are to be there all the time, the time in which they come counts half: half of them are
    there on average. When not all came, it counts as any other.
    """
    came = options.spawn_seconds if options.shape in STEADY else 0.0
    seconds = result.seconds - came / 2 if result.seconds > came else result.seconds
    return result.promised / seconds if seconds > 0 else 0.0


def rate_held(options: Options, result: Result) -> bool:
    """Whether users placed as many orders as they were to; if not, the api or this machine was too slow."""
    return options.shape not in STEADY or orders_per_second(options, result) >= HELD * options.rate
