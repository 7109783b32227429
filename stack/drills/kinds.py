"""What a drill is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stack.drills.traces import Span


@dataclass(frozen=True, slots=True)
class Load:
    """What clients do meanwhile, a second."""

    orders: float = 5.0
    reads: float = 0.0
    """Of orders that are settled."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel that shows the fault, and from which value on."""

    dashboard: str
    title: str
    at_least: float | None = None
    at_most: float | None = None
    service: str = ""
    """What the dashboard's variable is set to."""

    def shows(self, value: float) -> bool:
        """Return whether a value is what the fault makes of it."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


@dataclass(frozen=True, slots=True)
class Search:
    """How a trace that shows the cause is found: by its symptom, as somebody would who does not know it."""

    service: str
    operation: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    longer_than_ms: int = 0


@dataclass(frozen=True, slots=True)
class Drill:
    """A fault, the alert that must tell of it, and where its cause is seen."""

    name: str
    """Of the scenario."""
    alert: str
    about: str
    """What the alert's email says beside its name: which queue or service it is about."""
    panel: Panel
    search: Search
    cause: Callable[[Sequence[Span]], str]
    """Returns what a trace says of the cause; empty when it says nothing."""
    load: Load = Load()
    gentle: Load | None = None
    """The load where windows are as long as written; by default the same."""
