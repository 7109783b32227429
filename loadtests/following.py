"""An order's events, read to their end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from loadtests.ledger import SETTLED


@dataclass(frozen=True, slots=True)
class Followed:
    """How far an order was followed."""

    changes: Sequence[dict[str, str]]
    """Its status changes, in their order."""
    seconds: float
    """How long that took, by the user's clock."""
    failure: str = ""
    """What broke the stream off."""

    @property
    def status(self) -> str:
        """The last status that was seen; empty when there was none."""
        return self.changes[-1]["status"] if self.changes else ""

    @property
    def milliseconds(self) -> float:
        """From its acceptance to its end, by the services' clock; as far as it was followed, by ours."""
        if self.status not in SETTLED:
            return self.seconds * 1000
        first, last = (datetime.fromisoformat(self.changes[n]["at"]) for n in (0, -1))
        return (last - first).total_seconds() * 1000

    def complaint(self, expected: str) -> str | None:
        """Return what is wrong with how it ended."""
        if self.status not in SETTLED:
            return f"not followed to its end: {self.failure or 'the stream ended'}"
        return None if self.status == expected else f"ended as {self.status} instead of {expected}"
