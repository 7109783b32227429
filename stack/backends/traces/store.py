"""The traces that are kept: the latest ones, within bounds that hold whatever is sent."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from stack.backends.traces.spans import Origin, StoredSpan

# What a span occupies beside its encoded form, and an origin beside its two parts: objects, ids, name and
# table entries, as tracemalloc measures them on CPython 3.11 (bytes).
_SPAN_OVERHEAD = 400
_ORIGIN_OVERHEAD = 400


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept. A trace's first span decides its age; the oldest trace goes first."""

    max_traces: int = 10_000
    max_spans: int = 200_000
    max_spans_per_trace: int = 2_000
    max_bytes: int = 256 * 2**20


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """A kind of work that a service does: a span's name and its OTLP kind number."""

    service: str
    name: str
    kind: int


class Trace:
    """The spans that have arrived with one trace id, by origin."""

    def __init__(self, trace_id: bytes) -> None:
        """Start with no spans."""
        self.trace_id = trace_id
        self.spans: dict[Origin, dict[bytes, StoredSpan]] = {}
        self.span_count = 0
        self.size = 0

    def holds(self, origin: Origin, span: StoredSpan) -> bool:
        """Say whether a span is there already: an exporter that retries sends spans twice."""
        return span.span_id in self.spans.get(origin, ())

    def put(self, origin: Origin, span: StoredSpan) -> int:
        """Add a span that is not there yet; return by how many bytes the trace grew."""
        growth = len(span.encoded) + _SPAN_OVERHEAD
        if origin not in self.spans:
            self.spans[origin] = {}
            growth += len(origin.resource) + len(origin.scope) + _ORIGIN_OVERHEAD
        self.spans[origin][span.span_id] = span
        self.span_count += 1
        self.size += growth
        return growth

    def all_spans(self) -> Iterator[tuple[Origin, StoredSpan]]:
        """Yield every span with its origin."""
        for origin, group in self.spans.items():
            for span in group.values():
                yield origin, span


class TraceStore:
    """The latest traces in bounded memory. Not for threads: everything happens on one event loop."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self.limits = limits
        self.span_count = 0
        self.size = 0
        self._traces: OrderedDict[bytes, Trace] = OrderedDict()
        self._operations: Counter[Operation] = Counter()

    def add(self, origin: Origin, span: StoredSpan) -> bool:
        """Keep a span, evicting the oldest traces for it; return False when its own trace is full."""
        trace = self._traces.get(span.trace_id)
        if trace is None:
            trace = self._traces[span.trace_id] = Trace(span.trace_id)
        if trace.holds(origin, span):
            return True
        if trace.span_count >= self.limits.max_spans_per_trace:
            return False
        self.size += trace.put(origin, span)
        self.span_count += 1
        self._operations[Operation(origin.service, span.name, span.kind)] += 1
        while self._over_limits():
            self._evict_oldest()
        return True

    def get(self, trace_id: bytes) -> Trace | None:
        """Return a trace, or None when it is unknown or evicted."""
        return self._traces.get(trace_id)

    def newest_first(self) -> list[Trace]:
        """Return all traces, the one whose first span came last before the others."""
        return list(reversed(self._traces.values()))

    def operations(self) -> list[Operation]:
        """Return the operations of the spans that are kept, sorted."""
        return sorted(self._operations)

    def _over_limits(self) -> bool:
        return (
            len(self._traces) > self.limits.max_traces
            or self.span_count > self.limits.max_spans
            or self.size > self.limits.max_bytes
        )

    def _evict_oldest(self) -> None:
        _, trace = self._traces.popitem(last=False)
        self.span_count -= trace.span_count
        self.size -= trace.size
        for origin, span in trace.all_spans():
            operation = Operation(origin.service, span.name, span.kind)
            self._operations[operation] -= 1
            if not self._operations[operation]:
                del self._operations[operation]
