"""What can be seen of an order from outside: its trace, its log lines, its email, the metrics."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.servers import eventually

SERVICES = ("api", "worker", "notifier")
WRITTEN_SECONDS = 0.5
"""After so long what a service logs next about the same work has been written, on a busy machine, too."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span as the trace store shows it."""

    service: str
    name: str
    kind: int
    span_id: str
    parent_id: str
    failed: bool
    attributes: dict[str, Any]
    links: tuple[str, ...]


def _age(lines: list[dict[str, Any]]) -> float:
    """Return how many seconds ago the last of some lines was noted."""
    return (datetime.now(UTC) - datetime.fromisoformat(lines[-1]["timestamp"])).total_seconds()


@dataclass(frozen=True, slots=True)
class Seen:
    """Reads the backends of a running stack."""

    client: httpx2.AsyncClient
    endpoints: dict[str, str]
    logs: Path

    async def trace(self, trace_id: str, complete: Callable[[list[Span]], bool]) -> list[Span]:
        """Return a trace's spans as soon as they are complete and each parent is among them."""

        async def look() -> list[Span] | None:
            response = await self.client.get(f"{self.endpoints['traces']}/api/v3/traces/{trace_id}")
            found = spans(response.json()["result"]) if response.status_code == 200 else []
            known = {span.span_id for span in found}
            gaps = [span for span in found if span.parent_id and span.parent_id not in known]
            return found if not gaps and complete(found) else None

        return await eventually(look, seconds=15)

    async def log_lines(
        self, correlation_id: str, complete: Callable[[list[dict[str, Any]]], bool]
    ) -> list[Any]:
        """Return all services' log lines of a correlation id or of its trace, in the order of their times.

        A line that had only one of the two would be found by it, and be seen to lack the other.
        """

        async def look() -> list[dict[str, Any]] | None:
            named = [line for name in SERVICES for line in self._lines(name, correlation_id)]
            marks = {correlation_id, *(line["trace_id"] for line in named if "trace_id" in line)}
            found = [line for name in SERVICES for line in self._lines(name, *marks)]
            found.sort(key=lambda line: line["timestamp"])
            return found if complete(found) and _age(found) > WRITTEN_SECONDS else None

        return await eventually(look)

    def _lines(self, service: str, *marks: str) -> list[dict[str, Any]]:
        text = (self.logs / f"{service}.log").read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if any(mark in line for mark in marks)]

    async def status(self, order_id: str, *expected: str, seconds: float = 15) -> dict[str, Any]:
        """Return an order's status once it is one of the expected."""

        async def look() -> dict[str, Any] | None:
            response = await self.client.get(f"{self.endpoints['api']}/v1/orders/{order_id}/status")
            body: dict[str, Any] = response.json()
            return body if body.get("status") in expected else None

        return await eventually(look, seconds=seconds)

    async def emails(self, order_id: str, *, seconds: float = 15) -> list[dict[str, Any]]:
        """Return the emails about an order once there are any, with their texts."""

        async def look() -> list[dict[str, Any]] | None:
            response = await self.client.get(
                f"{self.endpoints['mail']}/api/v1/search", params={"query": f'"{order_id}"'}
            )
            return [await self._email(message["ID"]) for message in response.json()["messages"]] or None

        return await eventually(look, seconds=seconds)

    async def _email(self, identifier: str) -> dict[str, Any]:
        response = await self.client.get(f"{self.endpoints['mail']}/api/v1/message/{identifier}")
        return response.json()  # type: ignore[no-any-return]

    async def prometheus(self, expression: str) -> float:
        """Return a query's value once it has one that is not zero."""

        async def look() -> float | None:
            response = await self.client.get(
                f"{self.endpoints['prometheus']}/api/v1/query", params={"query": expression}
            )
            result = response.json()["data"]["result"]
            return float(result[0]["value"][1]) if result else None

        return await eventually(look, seconds=30)


def spans(result: dict[str, Any]) -> list[Span]:
    """Return the spans of an OTLP JSON document."""
    return [
        _span(_attributes(group["resource"])["service.name"], span)
        for group in result["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def _span(service: str, span: dict[str, Any]) -> Span:
    return Span(
        service=service,
        name=span["name"],
        kind=span["kind"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        failed=span.get("status", {}).get("code") == 2,
        attributes=_attributes(span),
        links=tuple(link["spanId"] for link in span.get("links", [])),
    )


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in holder.get("attributes", [])}
