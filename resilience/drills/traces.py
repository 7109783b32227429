"""Finding the trace that shows a cause, by Jaeger's query API."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx2

from resilience.drills.catalogue import Cause, Search
from stack.spans import Span, by_trace

DEPTH = 50
"""Traces that a search looks through."""
MESSAGE_ID = "messaging.message.id"


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
        return cause.says or f"{span.service}: {span.name} {ended} {span.milliseconds:.0f} ms ({attributes})"
    return ""


def _rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")
