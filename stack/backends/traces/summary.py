"""A trace in a few numbers, and those numbers in the shape of Jaeger's ``/api/v3/trace-summaries``."""

from collections import Counter
from dataclasses import dataclass

from stack.backends.traces.kinds import STATUS_ERROR
from stack.backends.traces.store import Trace

_Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list of traces shows. Times are nanoseconds since the epoch; a missing root has empty names."""

    trace_id: str
    root_service: str
    root_operation: str
    start: int
    end: int
    spans_by_service: dict[str, int]
    errors_by_service: dict[str, int]
    orphans: int

    @property
    def span_count(self) -> int:
        """All spans."""
        return sum(self.spans_by_service.values())

    @property
    def error_count(self) -> int:
        """The spans whose status is error."""
        return sum(self.errors_by_service.values())


def summarize(trace: Trace) -> Summary:
    """Summarize a trace; of several spans without a parent, the earliest is the root."""
    spans = list(trace.all_spans())
    ids = {span.span_id for _, span in spans}
    roots = sorted((span.start, origin.service, span.name) for origin, span in spans if not span.parent_id)
    _, service, operation = roots[0] if roots else (0, "", "")
    return Summary(
        trace_id=trace.trace_id.hex(),
        root_service=service,
        root_operation=operation,
        start=min(span.start for _, span in spans),
        end=max(span.end for _, span in spans),
        spans_by_service=Counter(origin.service for origin, _ in spans),
        errors_by_service=Counter(origin.service for origin, span in spans if span.status == STATUS_ERROR),
        orphans=sum(bool(span.parent_id) and span.parent_id not in ids for _, span in spans),
    )


def summary_json(summary: Summary) -> _Json:
    """Return a summary as Jaeger does: numbers that are 0 and empty names are left out."""
    services = [
        _without_empty(
            name=service, spanCount=count, errorSpanCount=summary.errors_by_service.get(service, 0)
        )
        for service, count in sorted(summary.spans_by_service.items())
    ]
    return _without_empty(
        traceId=summary.trace_id,
        rootServiceName=summary.root_service,
        rootOperationName=summary.root_operation,
        minStartTimeUnixNano=str(summary.start),
        maxEndTimeUnixNano=str(summary.end),
        spanCount=summary.span_count,
        errorSpanCount=summary.error_count,
        orphanSpanCount=summary.orphans,
        services=services,
    )


def _without_empty(**fields: object) -> _Json:
    return {name: value for name, value in fields.items() if value}
