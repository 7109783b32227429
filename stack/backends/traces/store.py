"""The traces that are kept: the latest ones, in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from stack.backends.traces import otlp

NO_SERVICE = "OTLPResourceNoServiceName"  # what Jaeger calls a resource without `service.name`
ERROR = 2
OVERHEAD_BYTES = 400  # what a span occupies beside its JSON


@dataclass(frozen=True, slots=True)
class Span:
    """A span, its resource and its scope as JSON, and what searches need of them; times in nanoseconds."""

    service: str
    name: str
    kind: int
    failed: bool
    start: int
    end: int
    encoded: bytes
    resource: bytes
    scope: bytes

    @property
    def size(self) -> int:
        """The bytes that the span occupies, about."""
        return len(self.encoded) + len(self.resource) + len(self.scope) + OVERHEAD_BYTES


@dataclass(slots=True)
class TraceStore:
    """The latest traces by id; the first span decides a trace's age, and the oldest trace goes first."""

    max_bytes: int = 256 * 2**20
    max_spans_per_trace: int = 2_000
    size: int = 0
    traces: dict[str, dict[str, Span]] = field(default_factory=dict)

    def add(self, request: otlp.Request) -> int:
        """Keep each span of a request once; return how many were refused, because their traces are full."""
        refused = 0
        for trace_id, span_id, span in _spans(request):
            trace = self.traces.setdefault(trace_id, {})
            if span_id not in trace and len(trace) >= self.max_spans_per_trace:
                refused += 1
            elif span_id not in trace:
                trace[span_id] = span
                self.size += span.size
            while self.size > self.max_bytes:
                oldest = self.traces.pop(next(iter(self.traces)))
                self.size -= sum(kept.size for kept in oldest.values())
        return refused

    def operations(self) -> set[tuple[str, str, int]]:
        """Return the service, name and kind of all spans."""
        spans = (span for trace in self.traces.values() for span in trace.values())
        return {(span.service, span.name, span.kind) for span in spans}


def document(spans: Iterable[Span]) -> dict[str, object]:
    """Return spans as OTLP has them, by their resources and scopes."""
    groups: dict[tuple[bytes, bytes], list[orjson.Fragment]] = {}
    for span in spans:
        groups.setdefault((span.resource, span.scope), []).append(orjson.Fragment(span.encoded))
    return {
        "resourceSpans": [
            {
                "resource": orjson.Fragment(resource),
                "scopeSpans": [{"scope": orjson.Fragment(scope), "spans": part}],
            }
            for (resource, scope), part in groups.items()
        ]
    }


def _spans(request: otlp.Request) -> Iterator[tuple[str, str, Span]]:
    for group in request.get("resourceSpans", ()):
        resource = group.get("resource", {})
        attributes = {item["key"]: item.get("value", {}) for item in resource.get("attributes", ())}
        service = str(attributes.get("service.name", {}).get("stringValue") or NO_SERVICE)
        encoded_resource = _packed(resource)
        for part in group.get("scopeSpans", ()):
            scope = _packed(part.get("scope", {}))
            for span in part.get("spans", ()):
                failed = span.get("status", {}).get("code") == ERROR
                times = int(span.get("startTimeUnixNano", 0)), int(span.get("endTimeUnixNano", 0))
                facts = service, span.get("name", ""), span.get("kind", 0), failed, *times
                yield span["traceId"], span["spanId"], Span(*facts, _packed(span), encoded_resource, scope)


def _packed(content: otlp.Holder) -> bytes:
    # A copy, because orjson 3.13 keeps its buffer of several kB behind what it returns.
    return memoryview(orjson.dumps(content)).tobytes()
