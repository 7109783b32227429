"""An order's log lines, in the store that they are exported to."""

from datetime import datetime
from typing import Any

import httpx2
import pytest

from stack import programs
from tests.e2e.seen import Seen
from tests.servers import eventually
from tests.unit.otlp_collector import Collector

pytestmark = pytest.mark.skipif(
    programs.on_path("loki") is not None, reason="lines go to the Loki that is installed, not to the test's"
)

Lines = set[tuple[str, str, str, str, int]]
"""Service, event, trace, span, and time in microseconds."""


async def test_an_orders_lines_are_found_by_its_correlation_id_and_lead_to_its_trace(
    api: httpx2.AsyncClient, seen: Seen, log_store: Collector, order: dict[str, Any]
) -> None:
    """All that its three services wrote, and what each says of trace, span and time is the same."""
    answer = await api.post("/v1/orders", json=order, headers={"X-Correlation-ID": "e2e-exported"})
    assert answer.status_code == 202
    written = await seen.log_lines(
        "e2e-exported", lambda found: any(line["event"] == "email sent" for line in found)
    )
    expected: Lines = {
        (line["service"], line["event"], line["trace_id"], line["span_id"], microseconds(line["timestamp"]))
        for line in written
    }
    assert {service for service, *_ in expected} == {"api", "worker", "notifier"}

    async def exported() -> bool:
        return expected <= stored(log_store, "e2e-exported")

    await eventually(exported, seconds=10)


def stored(store: Collector, correlation_id: str) -> Lines:
    """Return the lines of a correlation id that have arrived."""
    found: Lines = set()
    for group in [group for request in store.received for group in request.logs.resource_logs]:
        who = {one.key: one.value.string_value for one in group.resource.attributes}
        for record in group.scope_logs[0].log_records:
            said = {one.key: one.value.string_value for one in record.attributes}
            if said.get("correlation_id") == correlation_id:
                ids = record.trace_id.hex(), record.span_id.hex()
                when = record.time_unix_nano // 1000
                found.add((who["service.name"], record.body.string_value, *ids, when))
    return found


def microseconds(timestamp: str) -> int:
    """Return a line's time since 1970."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1_000_000)
