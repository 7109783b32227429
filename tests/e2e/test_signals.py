"""The signal matrix: from a service's lines, metrics and spans one gets to the others, and to its neighbours.

`docs/telemetry.md` shows the same matrix, made of the contract.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import pytest

from tests.e2e.emitted import Emitted
from tests.running import Endpoints
from tests.servers import eventually
from tests.telemetry import series
from tests.telemetry.contract import CONTRACT
from tests.telemetry.matrix import JOINS, exemplars, matrix
from tests.telemetry.spans import Span, by_id

pytestmark = pytest.mark.timeout(120)

SCRAPE_SECONDS = 20
each_service = pytest.mark.parametrize("service", CONTRACT.services)


def of(emitted: Emitted, service: str) -> list[Span]:
    """Return a service's spans in the traces that are there as a whole."""
    ours = emitted.ours()
    return [span for span in emitted.spans if span.service == service and span.trace_id in ours]


def inside(emitted: Emitted, service: str) -> list[dict[str, Any]]:
    """Return a service's lines that were written inside a span of such a trace."""
    ours = emitted.ours()
    return [
        line
        for line in emitted.lines
        if line["service"] == service and line.get("trace_id") in ours and "span_id" in line
    ]


def has_spans(emitted: Emitted, service: str) -> None:
    """There are spans."""
    assert of(emitted, service)


def has_metrics(emitted: Emitted, service: str) -> None:
    """There are metrics."""
    assert emitted.metrics[service]


def has_lines(emitted: Emitted, service: str) -> None:
    """There are lines inside of spans."""
    assert inside(emitted, service)


def lines_lead_to_spans(emitted: Emitted, service: str) -> None:
    """A line's ids are those of a span of the same service, with the same correlation id where it has one."""
    spans = by_id(of(emitted, service))
    for line in inside(emitted, service):
        span = spans.get(line["span_id"])
        assert span is not None, line
        assert span.trace_id == line["trace_id"]
        assert span.attributes.get("correlation_id", line["correlation_id"]) == line["correlation_id"]


def exemplars_lead_to_spans(emitted: Emitted, service: str) -> None:
    """Of each histogram, the last exemplars are spans of this service."""
    spans = by_id(of(emitted, service))
    for name in exemplars(CONTRACT, service):
        found = {
            span
            for trace, span in series.exemplars(emitted.metrics[service][name])
            if trace in emitted.ours()
        }
        assert found, f"{name} leads to none of the traces of a moment ago"
        assert found <= spans.keys(), f"{name} leads to spans that are not there"


def producers_and_consumers_are_joined(emitted: Emitted, service: str) -> None:
    """A consumer's parent is a producer, or the attempt before it, and linked; what is sent is consumed."""
    spans, mine = by_id(emitted.spans), of(emitted, service)
    for span in mine:
        if span.kind == "consumer" and span.parent_id:
            assert span.links == (span.parent_id,)
            assert spans[span.parent_id].kind in {"producer", "consumer"}
    consumed = {span.parent_id for span in emitted.spans if span.kind == "consumer"}
    sent = {span.span_id for span in mine if span.kind == "producer" and not span.failed}
    assert sent <= consumed
    assert sent or consumed & spans.keys()


def entries_carry_the_correlation_id(emitted: Emitted, service: str) -> None:
    """Each entry span has the id that the lines of its trace have."""
    told: dict[str, set[str]] = {}
    for line in inside(emitted, service):
        told.setdefault(line["trace_id"], set()).add(line["correlation_id"])
    entries = [span for span in of(emitted, service) if span.kind in {"server", "consumer"}]
    assert entries
    for span in entries:
        assert span.attributes["correlation_id"] in told[span.trace_id]


CHECKS: Mapping[str, Callable[[Emitted, str], None]] = dict(
    zip(
        JOINS,
        (
            has_spans,
            has_metrics,
            has_lines,
            lines_lead_to_spans,
            exemplars_lead_to_spans,
            producers_and_consumers_are_joined,
            entries_carry_the_correlation_id,
        ),
        strict=True,
    )
)


@pytest.mark.parametrize("join", JOINS)
@each_service
async def test_signals_join(emitted: Emitted, service: str, join: str) -> None:
    """Each cell of the matrix, with real spans, lines and metrics."""
    assert matrix(CONTRACT)[service][join]
    CHECKS[join](emitted, service)


@each_service
async def test_prometheus_keeps_exemplars_that_lead_to_traces(
    emitted: Emitted, stack: Endpoints, service: str
) -> None:
    """As Grafana asks for them; of the traces of a moment ago, which the store has."""
    name = exemplars(CONTRACT, service)[0]
    spans = by_id(of(emitted, service))
    query = {"query": f'{name}_bucket{{job="{service}"}}', "start": "0", "end": "4102444800"}
    async with httpx2.AsyncClient(base_url=stack["prometheus"], timeout=10, trust_env=False) as client:

        async def look() -> set[str] | None:
            data = (await client.get("/api/v1/query_exemplars", params=query)).json()["data"]
            return {labels["span_id"] for labels in _labels(data)} & spans.keys() or None

        assert await eventually(look, seconds=SCRAPE_SECONDS)


def _labels(data: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    for one in data:
        for exemplar in one["exemplars"]:
            yield exemplar["labels"]
