"""The orders that the api promised to settle, and what became of them."""

from collections import Counter
from dataclasses import dataclass, field

from loadtests.identity import Journey

SETTLED = ("done", "failed")


@dataclass(slots=True)
class Ledger:
    """Counts promises, and remembers those that are not kept yet."""

    promised: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """How many were settled, by their last status."""
    open: dict[str, Journey] = field(default_factory=dict)
    """By their ids, orders that are not settled yet: those that users follow, or have lost sight of."""

    @property
    def settled(self) -> int:
        """How many promises were kept."""
        return self.ends.total()

    def promise(self, order_id: str, journey: Journey) -> None:
        """Note an order that was answered with 202, once, however often it was sent."""
        if order_id not in self.open:
            self.promised += 1
            self.open[order_id] = journey

    def settle(self, order_id: str, status: str) -> bool:
        """Note how an order stands; return whether that is its end."""
        if status in SETTLED and order_id in self.open:
            del self.open[order_id]
            self.ends[status] += 1
        return status in SETTLED
