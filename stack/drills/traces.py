"""Finding the trace that shows a cause, by Jaeger's query API."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

DEPTH = 50
"""Traces that a search looks through."""
ERROR = {"2", "STATUS_CODE_ERROR"}


@dataclass(frozen=True, slots=True)
class Span:
    """What a cause is read from; the duration in ms."""

    service: str
    name: str
    attributes: dict[str, str]
    failed: bool
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """A trace, and what it says of the cause."""

    trace_id: str
    says: str


async def find(  # noqa: PLR0913 - a search has as many parts
    client: httpx2.AsyncClient,
    traces: str,
    *,
    service: str,
    operation: str,
    attributes: dict[str, str],
    longer_than_ms: int,
    since: float,
    cause: Callable[[Sequence[Span]], str],
) -> Found | None:
    """Return the first trace of a search, begun since a Unix time, that says something of the cause."""
    now = datetime.now(UTC)
    parameters = {
        "query.serviceName": service,
        "query.operationName": operation,
        "query.attributes": json.dumps(attributes) if attributes else "",
        "query.durationMin": f"{longer_than_ms}ms" if longer_than_ms else "",
        "query.startTimeMin": datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z"),
        "query.startTimeMax": (now + timedelta(seconds=1)).isoformat().replace("+00:00", "Z"),
        "query.searchDepth": str(DEPTH),
    }
    chosen = {name: value for name, value in parameters.items() if value}
    answer = await client.get(f"{traces}/api/v3/traces", params=chosen)
    if answer.status_code != httpx2.codes.OK:  # 404: none found
        return None
    for trace_id, spans in by_trace(answer.json()["result"]).items():
        if says := cause(spans):
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
