"""Spans as a trace store answers for them: OTLP/JSON documents of Jaeger's `/api/v3`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ERROR = {"2", "STATUS_CODE_ERROR"}


@dataclass(frozen=True, slots=True)
class Span:
    """What is read of a span; times in nanoseconds (Unix)."""

    service: str
    name: str
    attributes: Mapping[str, str]
    failed: bool
    start: int
    end: int
    id: str = ""
    parent: str = ""

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) / 1e6


def by_trace(result: dict[str, Any]) -> dict[str, list[Span]]:
    """Return the spans of a document by trace id."""
    found: dict[str, list[Span]] = {}
    for group in result["resourceSpans"]:
        service = _attributes(group["resource"]).get("service.name", "")
        for span in (span for scope in group["scopeSpans"] for span in scope["spans"]):
            found.setdefault(span["traceId"], []).append(_span(service, span))
    return found


def _span(service: str, span: dict[str, Any]) -> Span:
    failed = str(span.get("status", {}).get("code")) in ERROR
    times = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    ids = span.get("spanId", ""), span.get("parentSpanId", "")
    return Span(service, span["name"], _attributes(span), failed, *times, *ids)


def _attributes(holder: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: str(next(iter(item["value"].values()), "")) for item in holder.get("attributes", [])}
