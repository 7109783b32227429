"""`TELEMETRY=stock`: the services with opentelemetry-python's own provider, exporter and FastAPI spans.

A stack of its own takes the same paths; its spans are held to the same contract.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from stack.layout import Layout
from tests.e2e.conftest import CERTAIN, SWEPT
from tests.e2e.emitted import Emitted, everything
from tests.e2e.paths import paths
from tests.running import Endpoints, running_stack
from tests.telemetry import lines, series, spans
from tests.telemetry.contract import CONTRACT

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def stock_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the stack runs in."""
    return tmp_path_factory.mktemp("stock")


@pytest.fixture(scope="module")
def stock_stack(stock_dir: Path) -> Iterator[Endpoints]:
    """Start everything; stop it in the end."""
    with running_stack(stock_dir, environment=CERTAIN | SWEPT | {"TELEMETRY": "stock"}) as endpoints:
        yield endpoints


@pytest.fixture(scope="module")
async def stock_emitted(stock_stack: Endpoints, stock_dir: Path) -> AsyncIterator[Emitted]:
    """Take every path through the stack; return all that it has emitted until then."""
    async with paths(stock_stack, Layout(stock_dir)) as every:
        await every.take()
        yield await everything(every)


async def test_stock_spans_are_those_of_the_contract(stock_emitted: Emitted) -> None:
    """One server span a request, with what is declared for `stock` besides; nothing is missing."""
    known, ours = spans.by_id(stock_emitted.spans), stock_emitted.ours()
    found = [
        problem
        for span in stock_emitted.spans
        for problem in spans.problems(CONTRACT, span, known, complete=span.trace_id in ours, stock=True)
    ]
    assert found == []
    assert stock_emitted.missing() == set()
    assert stock_emitted.gaps() == set()
    assert any("client.port" in span.attributes for span in stock_emitted.spans)


async def test_stock_lines_and_metrics_are_those_of_the_contract(stock_emitted: Emitted) -> None:
    """They are ours in both modes; a line leads to the stock span."""
    assert [problem for line in stock_emitted.lines for problem in lines.problems(CONTRACT, line)] == []
    for service in CONTRACT.services:
        assert series.problems(CONTRACT, service, stock_emitted.metrics[service]) == []
