"""The spans of a trace in the order in which a waterfall shows them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from stack.backends.traces.spans import Origin, StoredSpan
from stack.backends.traces.store import Trace


@dataclass(frozen=True, slots=True)
class Row:
    """A span and how many ancestors it has in the trace."""

    depth: int
    origin: Origin
    span: StoredSpan


def rows(trace: Trace) -> Iterator[Row]:
    """Yield parents before their children, siblings by start.

    A span whose parent has not arrived is a root; so is the earliest of spans that form a circle.
    """
    by_start = sorted(trace.all_spans(), key=lambda item: item[1].start)
    ids = {span.span_id for _, span in by_start}
    children: dict[bytes, list[tuple[Origin, StoredSpan]]] = defaultdict(list)
    for origin, span in by_start:
        children[span.parent_id].append((origin, span))
    roots = [(origin, span) for origin, span in by_start if span.parent_id not in ids]
    shown: set[tuple[Origin, bytes]] = set()
    # The roots reach everything that is not a circle; a circle is entered where it starts.
    for root in roots + by_start:
        waiting = [(0, root)]
        while waiting:
            depth, (origin, span) = waiting.pop()
            if (origin, span.span_id) in shown:
                continue
            shown.add((origin, span.span_id))
            yield Row(depth, origin, span)
            waiting += [(depth + 1, child) for child in reversed(children[span.span_id])]
