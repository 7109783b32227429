"""The specification's limits, kept by the SDK's own containers; and what needs none of that.

https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, SpanLimits
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext
from opentelemetry.util.types import AnyValue, Attributes

_PLAIN = frozenset((str, bool, int, float))
"""Types of values that are kept as they are, unless there is a limit on their length."""
_KEY = frozenset((str,))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a span may hold."""

    limits: SpanLimits
    plain: int = field(init=False)
    """So many attributes of plain types need no care; -1: all do."""
    takes_links: bool = field(init=False)
    """Whether there is room for a link."""

    def __post_init__(self) -> None:
        """Find out what needs no care."""
        most = self.limits.max_span_attributes
        unlimited = sys.maxsize if most is None else most
        plain = unlimited if self.limits.max_span_attribute_length is None else -1
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "takes_links", self.limits.max_links != 0)

    def are_plain(self, count: int, keys: Iterable[object], values: Iterable[object]) -> bool:
        """Return whether a dict keeps these attributes as the SDK would, with `count` of them in it then."""
        return (
            count <= self.plain
            and _PLAIN.issuperset(map(type, values))
            and _KEY.issuperset(map(type, keys))
            and all(keys)
        )

    def attributes(self, attributes: Mapping[str, AnyValue]) -> BoundedAttributes:
        """Return a span's attributes, each cleaned as it is set, the oldest pushed out."""
        most, longest = self.limits.max_span_attributes, self.limits.max_span_attribute_length
        return BoundedAttributes(most, attributes, immutable=False, max_value_len=longest)

    def event(self, name: str, attributes: Attributes, timestamp: int | None) -> Event:
        """Return an event."""
        most, longest = self.limits.max_event_attributes, self.limits.max_attribute_length
        return Event(name, BoundedAttributes(most, attributes, max_value_len=longest), timestamp)

    def events(self) -> "BoundedList[Event]":
        """Return an empty list of events that pushes out the oldest."""
        return BoundedList(self.limits.max_events)

    def kept_links(self, links: Sequence[Link]) -> Sequence[Link]:
        """Return links as a span begins with them: one that only leads somewhere needs no care."""
        if self.takes_links and type(links) is list and len(links) == 1 and links[0]:
            link = links[0]
            if link.context.is_valid and not link.attributes:
                return (link,)
        return self.links(links)

    def links(self, links: Sequence[Link]) -> "BoundedList[Link]":
        """Return links, without those that lead nowhere and say nothing."""
        kept = [self._link(link.context, link.attributes) for link in links if _leads_somewhere(link)]
        return BoundedList.from_seq(self.limits.max_links, kept)

    def _link(self, context: SpanContext, attributes: Attributes) -> Link:
        most, longest = self.limits.max_link_attributes, self.limits.max_attribute_length
        return Link(context, BoundedAttributes(most, attributes, max_value_len=longest))


def _leads_somewhere(link: Link) -> bool:
    return bool(link and (link.context.is_valid or link.attributes or link.context.trace_state))
