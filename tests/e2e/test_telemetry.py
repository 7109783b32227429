"""What really runs is what `contracts/telemetry.yaml` declares: no more is emitted, and no less.

It comes after the other tests of this stack, so that what those set off is held to it, too: fuzzing, outages.
"""

import pytest

from tests.e2e.emitted import Emitted
from tests.telemetry import lines, series, spans
from tests.telemetry.contract import CONTRACT

pytestmark = pytest.mark.timeout(120)


async def test_nothing_declared_is_missing(emitted: Emitted) -> None:
    """Every span, attribute and line that takes no outage, from every service that may emit it."""
    assert emitted.missing() == set()
    assert emitted.gaps() == set()


async def test_every_span_is_declared(emitted: Emitted) -> None:
    """Name, kind, parent, links, attributes, events, resource."""
    known, ours = spans.by_id(emitted.spans), emitted.ours()
    found = [
        problem
        for span in emitted.spans
        for problem in spans.problems(CONTRACT, span, known, complete=span.trace_id in ours)
    ]
    assert found == []


async def test_every_line_is_declared(emitted: Emitted) -> None:
    """Event, level, service, ids, fields and their values."""
    assert [problem for line in emitted.lines for problem in lines.problems(CONTRACT, line)] == []


@pytest.mark.parametrize("service", CONTRACT.services)
async def test_metrics_are_those_that_are_declared(emitted: Emitted, service: str) -> None:
    """Name, type, unit, description, labels and their values; all of them, and none more than its budget."""
    assert series.problems(CONTRACT, service, emitted.metrics[service]) == []


async def test_a_strangers_routing_key_is_no_label(emitted: Emitted) -> None:
    """RabbitMQ delivers a message that a `CC` brought with whatever key it was published under."""
    [name] = [n for n in emitted.metrics["worker"] if n == "messaging_process_duration_seconds"]
    samples = emitted.metrics["worker"][name].samples
    destinations = {sample.labels["messaging_destination_name"] for sample in samples}
    assert "orders:_other:worker.order-created" in destinations
    assert any("evil." in str(span.attributes) for span in emitted.spans)
    assert not [destination for destination in destinations if "evil." in destination]
