"""What can be seen of an order from outside: its trace, its log lines, its email, the metrics."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.servers import eventually
from tests.telemetry.spans import Span, spans_of

SERVICES = ("api", "worker", "notifier")
WRITTEN_SECONDS = 0.5
"""After so long what a service logs next about the same work has been written, on a busy machine, too."""
ALL_TIME = {
    "query.startTimeMin": "1970-01-01T00:00:00Z",
    "query.startTimeMax": "2600-01-01T00:00:00Z",
    "query.searchDepth": "100000",
}
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """Reads the backends of a running stack."""

    client: httpx2.AsyncClient
    endpoints: dict[str, str]
    logs: Path

    async def trace(
        self, trace_id: str, complete: Callable[[list[Span]], bool], *, rooted: bool = True
    ) -> list[Span]:
        """Return a trace's spans as soon as they are complete; one that is `rooted` has every parent."""

        async def look() -> list[Span] | None:
            response = await self.client.get(f"{self.endpoints['traces']}/api/v3/traces/{trace_id}")
            found = spans_of(response.json()) if response.status_code == 200 else []
            gaps = {span.parent_id for span in found if span.parent_id} - {span.span_id for span in found}
            return found if not (rooted and gaps) and complete(found) else None

        return await eventually(look, seconds=15)

    async def all_traces(self) -> str:
        """Return all that the trace store has."""
        answer = await self.client.get(
            f"{self.endpoints['traces']}/api/v3/traces", params=ALL_TIME, timeout=60
        )
        assert answer.status_code == 200
        return answer.text

    async def log_lines(self, correlation_id: str, *events: str) -> list[Line]:
        """Return all lines of a correlation id or of its trace by their time, once all events are there.

        A line that had only one of the two would be found by it, and be seen to lack the other.
        """

        def look() -> list[Line] | None:
            named = self._lines(correlation_id)
            found = self._lines(correlation_id, *(line["trace_id"] for line in named if "trace_id" in line))
            found.sort(key=lambda line: str(line["timestamp"]))
            complete = found and {line["event"] for line in found} >= set(events)
            return found if complete and _age(found[-1]) > WRITTEN_SECONDS else None

        return await eventually(look)

    def _lines(self, *marks: str) -> list[Line]:
        texts = [(self.logs / f"{name}.log").read_text(errors="replace") for name in SERVICES]
        lines = [line for text in texts for line in text.splitlines()]
        return [json.loads(line) for line in lines if any(mark in line for mark in marks)]

    async def status(self, order_id: str, *expected: str, seconds: float = 15) -> dict[str, Any]:
        """Return an order's status once it is one of the expected."""

        async def look() -> dict[str, Any] | None:
            response = await self.client.get(f"{self.endpoints['api']}/v1/orders/{order_id}/status")
            body: dict[str, Any] = response.json()
            return body if body.get("status") in expected else None

        return await eventually(look, seconds=seconds)

    async def emails(self, order_id: str, *, seconds: float = 15) -> list[dict[str, Any]]:
        """Return the emails about an order once there are any, with their texts."""
        inbox = f"{self.endpoints['mail']}/api/v1"

        async def look() -> list[dict[str, Any]] | None:
            found = await self.client.get(f"{inbox}/search", params={"query": f'"{order_id}"'})
            ids = [message["ID"] for message in found.json()["messages"]]
            return [(await self.client.get(f"{inbox}/message/{one}")).json() for one in ids] or None

        return await eventually(look, seconds=seconds)


def _age(line: Line) -> float:
    """Return how many seconds ago a line was written."""
    return (datetime.now(UTC) - datetime.fromisoformat(line["timestamp"])).total_seconds()


def assert_problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    """Hold a response to RFC 9457 and to the ids that every problem carries."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"].startswith("urn:orderscope:problem:")
    assert problem["correlation_id"] == response.headers["x-correlation-id"]
    assert len(problem["trace_id"]) == 32
    return problem
