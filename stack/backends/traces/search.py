"""Finding traces: a trace is found when one of its spans satisfies the whole query, as in Jaeger."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from stack.backends.traces.attributes import has_attribute
from stack.backends.traces.spans import Origin, StoredSpan
from stack.backends.traces.store import Trace, TraceStore

# Traces between two turns of the event loop.
_TURN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """What to look for. Times are nanoseconds, bounds inclusive; an empty text or 0 duration asks nothing."""

    service: str = ""
    operation: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    start_min: int
    start_max: int
    duration_min: int = 0
    duration_max: int = 0
    depth: int

    def accepts(self, origin: Origin, span: StoredSpan) -> bool:
        """Say whether a span satisfies all of it, what is cheap to compare first."""
        return (
            (not self.service or origin.service == self.service)
            and (not self.operation or span.name == self.operation)
            and self.start_min <= span.start <= self.start_max
            and (not self.duration_min or span.duration >= self.duration_min)
            and (not self.duration_max or span.duration <= self.duration_max)
            and all(has_attribute(origin, span, key, text) for key, text in self.attributes.items())
        )


async def find_traces(store: TraceStore, query: TraceQuery) -> list[Trace]:
    """Return the newest traces that match, at most ``query.depth``; others get their turn meanwhile."""
    found: list[Trace] = []
    for number, trace in enumerate(store.newest_first(), 1):
        if len(found) >= query.depth:
            break
        if any(query.accepts(origin, span) for origin, span in trace.all_spans()):
            found.append(trace)
        if number % _TURN == 0:
            await asyncio.sleep(0)
    return found
