"""Finding the trace that shows a cause, by Jaeger's query API."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

DEPTH = 50
"""Traces that a search looks through."""
ERROR = {"2", "STATUS_CODE_ERROR"}


@dataclass(frozen=True, slots=True)
class Span:
    """What a cause is read from."""

    service: str
    name: str
    attributes: Mapping[str, str]
    failed: bool
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Search:
    """How a trace that shows the cause is found: by its symptom, as somebody would who does not know it."""

    cause: Callable[[Sequence[Span]], str]
    """Returns what a trace says of the cause; empty when it says nothing."""
    service: str
    operation: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    longer_than_ms: int = 0
    older_than: float = 0.0
    """In seconds: where the cause is what a trace lacks, it must have had time to have it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A trace, and what it says of the cause."""

    trace_id: str
    says: str


async def find(client: httpx2.AsyncClient, traces: str, search: Search, since: float) -> Found | None:
    """Return the first trace, begun since a Unix time, that says something of the cause.

    Raises:
        httpx2.HTTPError: The trace store does not answer, or refuses the search.
    """
    until = datetime.now(UTC).timestamp() - search.older_than
    if until <= since:
        return None
    parameters = {
        "query.serviceName": search.service,
        "query.operationName": search.operation,
        "query.attributes": json.dumps(dict(search.attributes)) if search.attributes else "",
        "query.durationMin": f"{search.longer_than_ms}ms" if search.longer_than_ms else "",
        "query.startTimeMin": _rfc3339(since),
        "query.startTimeMax": _rfc3339(until),
        "query.searchDepth": str(DEPTH),
    }
    chosen = {name: value for name, value in parameters.items() if value}
    answer = await client.get(f"{traces}/api/v3/traces", params=chosen)
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return None
    answer.raise_for_status()
    for trace_id, spans in by_trace(answer.json()["result"]).items():
        if says := search.cause(spans):
            return Found(trace_id, says)
    return None


def by_trace(result: dict[str, Any]) -> dict[str, list[Span]]:
    """Return the spans of an OTLP JSON document by trace id."""
    found: dict[str, list[Span]] = {}
    for group in result["resourceSpans"]:
        service = _attributes(group["resource"]).get("service.name", "")
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                found.setdefault(span["traceId"], []).append(_span(service, span))
    return found


def _span(service: str, span: dict[str, Any]) -> Span:
    nanoseconds = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
    failed = str(span.get("status", {}).get("code")) in ERROR
    return Span(service, span["name"], _attributes(span), failed, nanoseconds / 1e6)


def _attributes(holder: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: str(next(iter(item["value"].values()), "")) for item in holder.get("attributes", [])}


def _rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")
