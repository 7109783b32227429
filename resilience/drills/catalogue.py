"""The drills, as `catalogue.toml` describes them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

FILE = Path(__file__).with_name("catalogue.toml")


class Entry(BaseModel, frozen=True, extra="forbid"):
    """A part of the catalogue; unknown fields are errors."""


class Alert(Entry):
    """The alert that must report the fault."""

    name: str
    severity: str
    text: tuple[str, ...]
    """What its email says: which queue, which service."""
    labels: Mapping[str, str] = {}
    """The labels that tell it from alerts of the same name."""


class Panel(Entry):
    """A panel that shows the fault, by a value that the panel never has otherwise."""

    dashboard: str
    title: str
    at_least: float | None = None
    at_most: float | None = None
    labels: Mapping[str, str] = {}
    """The labels of the series that counts, where a panel has several."""
    service: str = ""
    """The value of the dashboard's variable."""

    def shows(self, labels: Mapping[str, str], value: float) -> bool:
        """Return whether a series has the value by which the fault is seen."""
        return (
            self.labels.items() <= labels.items()
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


class Search(Entry):
    """How the trace is found: by its symptom, as somebody would who does not know the cause."""

    service: str
    operation: str
    attributes: Mapping[str, str] = {}
    longer_than_ms: int = 0
    older_than_seconds: float = 0.0
    """Where the trace lacks a span: the age from which on that span will not come any more."""


class Cause(Entry):
    """What the trace shows of the cause."""

    span: str
    attributes: Mapping[str, str] = {}
    without: str = ""
    """The name of a span that the trace does not have."""
    also: Mapping[str, str] = {}
    """The attributes of another span for the same message."""
    says: str = ""
    """The cause in words; by default the span's duration and attributes."""


class Load(Entry):
    """What clients do, a second."""

    orders: float = 5.0
    reads: float = 0.0
    """Of orders that were placed before."""


class Drill(Entry):
    """A fault, the alert that must report it, and where its cause is seen."""

    name: str
    """The scenario's name."""
    alert: Alert
    panel: Panel
    search: Search
    cause: Cause
    load: Load = Load()
    slow_load: Load | None = None
    """The load where windows are as long as written; by default the same."""


class Catalogue(Entry):
    """All drills."""

    drill: tuple[Drill, ...]


CATALOGUE = Catalogue.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
DRILLS = {drill.name: drill for drill in CATALOGUE.drill}
"""All drills by name."""
