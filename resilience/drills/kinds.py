"""What a drill is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from resilience.drills.traces import Search


@dataclass(frozen=True, slots=True)
class Load:
    """What clients do meanwhile, a second."""

    orders: float = 5.0
    reads: float = 0.0
    """Of orders that were placed before."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel that shows the fault, and from which value on: one that it has not while all is well."""

    dashboard: str
    title: str
    at_least: float | None = None
    at_most: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the series that counts, where a panel has several."""
    service: str = ""
    """What the dashboard's variable is set to."""

    def shows(self, labels: Mapping[str, str], value: float) -> bool:
        """Return whether a series is what the fault makes of it."""
        return (
            self.labels.items() <= labels.items()
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


@dataclass(frozen=True, slots=True)
class Alert:
    """The alert that must tell of a fault."""

    name: str
    severity: str
    about: tuple[str, ...]
    """What its email says: which queue, which service."""
    labels: str = ""
    """By which it is told from its namesakes, as PromQL has them."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A fault, the alert that must tell of it, and where its cause is seen."""

    name: str
    """Of the scenario."""
    alert: Alert
    panel: Panel
    search: Search
    load: Load = Load()
    gentle: Load | None = None
    """The load where windows are as long as written; by default the same."""
