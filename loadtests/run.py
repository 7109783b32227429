"""One run: what users share while it lasts."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from loadtests.identity import Journey
from loadtests.ledger import Ledger
from loadtests.options import Options
from loadtests.orders import PLAIN
from loadtests.slowest import Slowest
from loadtests.verdict import title
from loadtests.windows import Windows, window_seconds


@dataclass(slots=True)
class Run:
    """Everything that is counted beside Locust's own statistics."""

    options: Options
    ledger: Ledger = field(default_factory=Ledger)
    slowest: Slowest = field(default_factory=Slowest)
    settled: Windows = field(init=False)
    """From accepting an order to its settlement, without those whose payment is retried."""
    limits: Counter[str] = field(default_factory=Counter)
    """What the user who hits the rate limit on purpose saw, or why there was none."""
    rng: random.Random = field(default_factory=random.Random)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    """When users were told to stop: what they finish then is no time of the run."""

    def __post_init__(self) -> None:
        """Choose the windows by the length of the run."""
        self.settled = Windows(window_seconds(self.options.seconds))

    def note(self, method: str, name: str, milliseconds: float, journey: Journey | None) -> None:
        """Count a request, or the end of an order."""
        if journey is not None:
            self.slowest.note(title(method, name), milliseconds, journey)
        if name == PLAIN:
            self.settled.note(time.monotonic() - self.began, milliseconds)

    @property
    def seconds(self) -> float:
        """How long users have been at work, or had been at the end."""
        return (self.ended or time.monotonic()) - self.began
