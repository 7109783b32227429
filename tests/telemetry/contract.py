"""`contracts/telemetry.yaml` as the tests read it: an entry that is malformed or leads nowhere is refused."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.contract.documents import CONTRACTS

FILE = CONTRACTS / "telemetry.yaml"
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}
ANYWHERE = frozenset({"nobody", "stranger", "parent"})
"""What a parent or a link may be beside a span of the contract."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
IN_SPAN = ("trace_id", "span_id", "trace_flags")
IDS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "span": (("correlation_id", *IN_SPAN), ()),
    "message": (("correlation_id",), IN_SPAN),
    "correlation": (("correlation_id",), ()),
    "none": ((), ()),
    "any": ((), ("correlation_id", *IN_SPAN)),
}
"""Ids that a line must have, and others that it may have."""

Service = Literal["api", "worker", "notifier"]
Level = Literal["debug", "info", "warning", "error", "critical"]


class Entry(BaseModel):
    """Takes what is declared and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Described(Entry):
    """An attribute: what it may hold, and what it means."""

    holds: str = Field(alias="is")
    about: str


class Emission(Entry):
    """What services emit: always, or when something is so."""

    services: tuple[Service | Literal["loadtest"], ...] = Field(min_length=1)
    when: str = ""


class SpanEntry(Emission):
    """A kind of span."""

    name: str
    about: str
    kind: Literal["internal", "server", "client", "producer", "consumer"]
    parents: tuple[str, ...]
    links: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    optional: dict[str, str] = {}


class MetricEntry(Entry):
    """A metric under the name that its samples have, without the endings of a histogram's."""

    type: Literal["counter", "gauge", "histogram"]
    unit: Literal["", "seconds", "bytes"] = ""
    services: tuple[Service, ...] = Field(min_length=1)
    series: int = Field(ge=1)
    exemplars: bool = False
    labels: dict[str, str] = {}
    about: str


class LineEntry(Emission):
    """A line of ours."""

    level: Level
    module: str = Field(alias="from")
    ids: Literal["span", "message", "correlation", "none", "any"]
    fields: dict[str, str] = {}


class LibraryEntry(Emission):
    """Lines of a library."""

    levels: tuple[Level, ...] = Field(min_length=1)
    about: str


class Stock(Entry):
    """What spans have besides, with `TELEMETRY=stock`, and in what it differs."""

    attributes: dict[str, str]
    exception: tuple[str, ...]
    differences: tuple[str, ...]


class Contract(Entry):
    """All that is emitted."""

    services: tuple[Service, ...]
    values: dict[str, str | tuple[str, ...]]
    resource: dict[str, Described]
    attributes: dict[str, Described]
    exception: tuple[str, ...]
    spans: dict[str, SpanEntry]
    stock: Stock
    metrics: dict[str, MetricEntry]
    series: dict[str, int]
    deviations: tuple[str, ...]
    every_line: dict[str, str]
    lines: dict[str, LineEntry]
    libraries: dict[str, LibraryEntry]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        for what in (*self._named_values(), *self._placeholders()):
            if what not in self.values:
                raise ValueError(f"no values are called {what}")
        for name, allowed in self.values.items():
            if isinstance(allowed, str) and allowed not in TYPES:
                _check_pattern(name, allowed)
        for name, span in self.spans.items():
            if unknown := {*span.attributes, *span.optional} - self.attributes.keys():
                raise ValueError(f"{name} has attributes that are not declared: {unknown}")
            if unknown := {*span.parents, *span.links} - self.spans.keys() - ANYWHERE:
                raise ValueError(f"{name} names spans that there are not: {unknown}")
        if unknown := self.stock.attributes.keys() - self.attributes.keys():
            raise ValueError(f"stock has attributes that are not declared: {unknown}")
        return self

    def _named_values(self) -> Iterator[str]:
        for described in (*self.resource.values(), *self.attributes.values()):
            yield described.holds
        for labels in (*(m.labels for m in self.metrics.values()), *(x.fields for x in self.lines.values())):
            yield from labels.values()
        yield from self.every_line.values()

    def _placeholders(self) -> Iterator[str]:
        for span in self.spans.values():
            yield from PLACEHOLDER.findall(span.name)

    def fits(self, name: str, value: object) -> bool:
        """Tell whether a value is one of those that have a name."""
        allowed = self.values[name]
        if not isinstance(allowed, str):
            return str(value) in allowed
        if allowed in TYPES:
            return isinstance(value, TYPES[allowed]) and isinstance(value, bool) == (allowed == "boolean")
        return re.fullmatch(allowed, str(value)) is not None

    @cached_property
    def span_names(self) -> Mapping[str, re.Pattern[str]]:
        """Return what the names of each kind of span are like."""
        return {name: re.compile(self._pattern(span.name)) for name, span in self.spans.items()}

    def _pattern(self, name: str) -> str:
        return PLACEHOLDER.sub(lambda found: f"({'|'.join(map(re.escape, self.values[found[1]]))})", name)


def _check_pattern(name: str, text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{name} is no pattern: {error}") from error
    if not (text.startswith("^") and text.endswith("$")):
        raise ValueError(f"{name} is neither a list nor a type nor a whole pattern")


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice, of which YAML would forget the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stand twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load(text: str) -> Contract:
    """Return the contract.

    Raises:
        pydantic.ValidationError, yaml.YAMLError: It is malformed.
    """
    return Contract.model_validate(yaml.load(text, _Loader))  # noqa: S506 - a safe one


CONTRACT = load(FILE.read_text(encoding="utf-8"))
