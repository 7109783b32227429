"""The stack, started once for all end-to-end tests, and ways to look at it."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from stack.layout import Layout
from stack.servers.services import LOGS_ENDPOINT
from tests.e2e.emitted import Emitted, everything
from tests.e2e.paths import Paths
from tests.e2e.senders import Senders
from tests.running import Endpoints, running_stack
from tests.unit.otlp_collector import Collector, running_collector

CERTAIN = {"PAYMENT_DECLINE_RATE": "0", "PAYMENT_OUTAGE_RATE": "0", "PAYMENT_LATENCY_MS": "20"}
"""No payment fails by chance."""
SWEPT = {"SWEEP_SECONDS": "1"}
"""Nobody waits long for the sweeper."""


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return the files of the stack."""
    return Layout(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="session")
def log_store() -> Iterator[Collector]:
    """Return what the services' log lines are exported to, where Loki is not installed."""
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def stack(layout: Layout, log_store: Collector) -> Iterator[Endpoints]:
    """Start everything; stop it in the end."""
    environment = CERTAIN | SWEPT | {LOGS_ENDPOINT: log_store.logs_url}
    with running_stack(layout.run_dir, environment=environment) as endpoints:
        yield endpoints


@pytest.fixture
async def senders(stack: Endpoints, layout: Layout) -> AsyncIterator[Senders]:
    """Return clients of the stack."""
    async with Senders.open(stack, layout) as found:
        yield found


@pytest.fixture
async def api(stack: Endpoints) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the api that says nothing of itself."""
    async with httpx2.AsyncClient(base_url=stack["api"], timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
async def emitted(stack: Endpoints, layout: Layout) -> Emitted:
    """Take every path through the stack; return all that it has emitted until then."""
    async with Paths.open(stack, layout) as every:
        await every.take()
        return await everything(every)
