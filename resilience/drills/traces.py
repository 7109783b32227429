"""Finding the trace that shows a cause, by Jaeger's query API."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from resilience.drills.catalogue import Cause, Search

DEPTH = 50
"""Traces that a search looks through."""
ERROR = {"2", "STATUS_CODE_ERROR"}
MESSAGE_ID = "messaging.message.id"


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a span that a cause is read from."""

    service: str
    name: str
    attributes: Mapping[str, str]
    failed: bool
    duration_ms: float


async def find(
    client: httpx2.AsyncClient, traces: str, search: Search, cause: Cause, since: float
) -> tuple[str, str] | None:
    """Return the id of the first trace since a Unix time that shows the cause, and the cause in words.

    Raises:
        httpx2.HTTPError: The trace store does not answer, or refuses the search.
    """
    until = datetime.now(UTC).timestamp() - search.older_than_seconds
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
        if says := explain(cause, spans):
            return trace_id, says
    return None


def explain(cause: Cause, spans: Sequence[Span]) -> str:
    """Return the cause in words if a trace shows it, and otherwise an empty string."""
    if cause.without in {span.name for span in spans}:
        return ""
    for span in spans:
        if span.name != cause.span or not cause.attributes.items() <= span.attributes.items():
            continue
        message = {MESSAGE_ID: span.attributes.get(MESSAGE_ID, ""), **cause.also}
        if cause.also and not any(message.items() <= other.attributes.items() for other in spans):
            continue
        ended = "failed after" if span.failed else "took"
        attributes = ", ".join(f"{name}={value}" for name, value in cause.attributes.items())
        return cause.says or f"{span.service}: {span.name} {ended} {span.duration_ms:.0f} ms ({attributes})"
    return ""


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
