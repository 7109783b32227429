"""What really runs is what `contracts/telemetry.yaml` declares: no more is emitted, and no less.

And the signal matrix of `docs/telemetry.md`: from a service's lines, metrics and spans one gets to the
others, and to its neighbours. What earlier tests set off, fuzzing and outages, is held to the contract, too.
"""

from collections.abc import Callable, Mapping

import httpx2
import pytest

from tests.e2e.emitted import Emitted
from tests.e2e.seen import Line
from tests.running import Endpoints
from tests.servers import eventually
from tests.telemetry import lines, series
from tests.telemetry.contract import CONTRACT
from tests.telemetry.matrix import JOINS, exemplars, matrix
from tests.telemetry.spans import Span, by_id

pytestmark = pytest.mark.timeout(120)
each_service = pytest.mark.parametrize("service", CONTRACT.services)


async def test_nothing_declared_is_missing(emitted: Emitted) -> None:
    """Every span, attribute and line that takes no outage, from every service that may emit it."""
    assert emitted.missing() == set()
    assert emitted.gaps() == set()


async def test_every_span_and_line_is_declared(emitted: Emitted) -> None:
    """Name, kind, parent, links, attributes of spans; event, level, ids, fields of lines."""
    assert emitted.problems() == []
    assert [problem for line in emitted.lines for problem in lines.problems(CONTRACT, line)] == []


@each_service
async def test_metrics_are_those_that_are_declared(emitted: Emitted, service: str) -> None:
    """Name, type, unit, description, labels and their values; all of them, and none more than its budget."""
    assert series.problems(CONTRACT, service, emitted.metrics[service]) == []


async def test_a_strangers_routing_key_is_no_label(emitted: Emitted) -> None:
    """RabbitMQ delivers a message that a `CC` brought with whatever key it was published under."""
    samples = emitted.metrics["worker"]["messaging_process_duration_seconds"].samples
    destinations = {sample.labels["messaging_destination_name"] for sample in samples}
    assert "orders:_other:worker.order-created" in destinations
    assert any("evil." in str(span.attributes) for span in emitted.spans)
    assert not [destination for destination in destinations if "evil." in destination]


def of(emitted: Emitted, service: str) -> list[Span]:
    """Return a service's spans in the traces that are complete."""
    ours = emitted.ours()
    return [span for span in emitted.spans if span.service == service and span.trace_id in ours]


def inside(emitted: Emitted, service: str) -> list[Line]:
    """Return a service's lines that were written inside a span of such a trace."""
    ours = emitted.ours()
    written = [line for line in emitted.lines if line["service"] == service and "span_id" in line]
    return [line for line in written if line.get("trace_id") in ours]


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
    spans, ours = by_id(of(emitted, service)), emitted.ours()
    for name in exemplars(CONTRACT, service):
        shown = series.exemplars(emitted.metrics[service][name])
        found = {span for trace, span in shown if trace in ours}
        assert found, f"{name} leads to none of the traces of a moment ago"
        assert found <= spans.keys(), f"{name} leads to spans that are not there"


def producers_and_consumers_are_joined(emitted: Emitted, service: str) -> None:
    """A consumer's parent is a producer, or the attempt before it, and linked; what is sent is consumed."""
    spans, own = by_id(emitted.spans), of(emitted, service)
    for span in own:
        if span.kind == "consumer" and span.parent_id:
            assert span.links == (span.parent_id,)
            assert spans[span.parent_id].kind in {"producer", "consumer"}
    consumed = {span.parent_id for span in emitted.spans if span.kind == "consumer"}
    sent = {span.span_id for span in own if span.kind == "producer" and not span.failed}
    assert sent <= consumed
    assert sent or consumed & spans.keys()


def entries_carry_the_correlation_id(emitted: Emitted, service: str) -> None:
    """Each entry span has the id that the lines of its trace have."""
    logged = {(line["trace_id"], line["correlation_id"]) for line in inside(emitted, service)}
    entries = [span for span in of(emitted, service) if span.kind in {"server", "consumer"}]
    assert entries
    assert {(span.trace_id, span.attributes["correlation_id"]) for span in entries} <= logged


CHECKS: Mapping[str, Callable[[Emitted, str], object]] = dict(
    zip(
        JOINS,
        (
            of,
            lambda emitted, service: emitted.metrics[service],
            inside,
            lines_lead_to_spans,
            exemplars_lead_to_spans,
            producers_and_consumers_are_joined,
            entries_carry_the_correlation_id,
        ),
        strict=True,
    )
)
"""By what each signal is found to be there, and each join to hold."""


@pytest.mark.parametrize("join", JOINS)
@each_service
async def test_signals_join(emitted: Emitted, service: str, join: str) -> None:
    """Each cell of the matrix, with real spans, lines and metrics."""
    assert matrix(CONTRACT)[service][join]
    found = CHECKS[join](emitted, service)
    assert found is None or found


@each_service
async def test_prometheus_keeps_exemplars_that_lead_to_traces(
    emitted: Emitted, stack: Endpoints, service: str
) -> None:
    """As Grafana asks for them; of the traces of a moment ago, which the store has."""
    spans = by_id(of(emitted, service))
    histogram = f'{exemplars(CONTRACT, service)[0]}_bucket{{job="{service}"}}'
    query = {"query": histogram, "start": "0", "end": "4102444800"}
    async with httpx2.AsyncClient(base_url=stack["prometheus"], timeout=10, trust_env=False) as client:

        async def look() -> bool:
            data = (await client.get("/api/v1/query_exemplars", params=query)).json()["data"]
            return any(one["labels"]["span_id"] in spans for series in data for one in series["exemplars"])

        await eventually(look, seconds=20)
