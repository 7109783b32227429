"""The orders that the api promised to settle, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loadtests.journey import Journey

SETTLED = ("done", "failed")


@dataclass(slots=True)
class Ledger:
    """Counts promises, and remembers those that are not kept yet."""

    promised: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """The number of settled orders, by their last status."""
    open: dict[str, Journey] = field(default_factory=dict)
    """The orders that are not settled yet, by their ids."""

    def promise(self, order_id: str, journey: Journey) -> None:
        """Note an order that was answered with 202, once, however often it was sent."""
        if order_id not in self.open:
            self.promised += 1
            self.open[order_id] = journey

    def settle(self, order_id: str, status: str) -> None:
        """Note an order's status; the order is settled when the status is a last one."""
        if status in SETTLED and order_id in self.open:
            del self.open[order_id]
            self.ends[status] += 1


def settled_after(changes: Sequence[dict[str, str]]) -> float | None:
    """Return the ms from the first status to the last, by the services' clock; None without an end."""
    if not changes or changes[-1]["status"] not in SETTLED:
        return None
    first, last = (datetime.fromisoformat(changes[n]["at"]) for n in (0, -1))
    return (last - first).total_seconds() * 1000
