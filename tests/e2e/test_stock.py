"""`TELEMETRY=stock`: the services with opentelemetry-python's own provider, exporter and FastAPI spans.

A stack of its own takes the same paths; its spans are held to the same contract.
"""

import pytest

from stack.layout import Layout
from tests.e2e.conftest import CERTAIN, SWEPT
from tests.e2e.emitted import everything
from tests.e2e.paths import Paths
from tests.running import running_stack
from tests.telemetry import lines, series
from tests.telemetry.contract import CONTRACT


@pytest.mark.timeout(180)
async def test_stock_telemetry_is_that_of_the_contract(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Server spans have what is declared for `stock` besides; lines and metrics are the same."""
    layout = Layout(tmp_path_factory.mktemp("stock"))
    with running_stack(layout.run_dir, environment=CERTAIN | SWEPT | {"TELEMETRY": "stock"}) as endpoints:
        async with Paths.open(endpoints, layout) as every:
            await every.take()
            emitted = await everything(every)
    assert emitted.problems(stock=True) == []
    assert (emitted.missing(), emitted.gaps()) == (set(), set())
    assert any("client.port" in span.attributes for span in emitted.spans)
    assert [problem for line in emitted.lines for problem in lines.problems(CONTRACT, line)] == []
    for service in CONTRACT.services:
        assert series.problems(CONTRACT, service, emitted.metrics[service]) == []
