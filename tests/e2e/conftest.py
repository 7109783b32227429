"""The stack, started once for all end-to-end tests, and ways to look at it."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aio_pika
import httpx2
import pytest
from aio_pika.abc import AbstractChannel

from stack.layout import Layout
from stack.servers.services import LOGS_ENDPOINT
from tests.e2e.emitted import Emitted, everything
from tests.e2e.paths import paths
from tests.e2e.seen import Seen
from tests.running import Endpoints, running_stack
from tests.unit.otlp_collector import Collector, running_collector

CERTAIN = {"PAYMENT_DECLINE_RATE": "0", "PAYMENT_OUTAGE_RATE": "0", "PAYMENT_LATENCY_MS": "20"}
"""No payment fails by chance."""
SWEPT = {"SWEEP_SECONDS": "1"}
"""Nobody waits long for the sweeper."""


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the stack runs in."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def log_store() -> Iterator[Collector]:
    """Return what the services' log lines are exported to, where Loki is not installed."""
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def stack(run_dir: Path, log_store: Collector) -> Iterator[Endpoints]:
    """Start everything; stop it in the end."""
    environment = CERTAIN | SWEPT | {LOGS_ENDPOINT: log_store.logs_url}
    with running_stack(run_dir, environment=environment) as endpoints:
        yield endpoints


@pytest.fixture
async def api(stack: Endpoints) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the api."""
    async with httpx2.AsyncClient(base_url=stack["api"], timeout=10) as client:
        yield client


@pytest.fixture
async def seen(stack: Endpoints, run_dir: Path) -> AsyncIterator[Seen]:
    """Return eyes: traces, logs, metrics, emails."""
    async with httpx2.AsyncClient(timeout=10) as client:
        yield Seen(client, stack, run_dir / "logs")


@pytest.fixture
async def channel(stack: Endpoints) -> AsyncIterator[AbstractChannel]:
    """Return a channel to the stack's broker."""
    connection = await aio_pika.connect(stack["amqp"], timeout=10)
    async with connection, connection.channel(on_return_raises=True) as channel:
        yield channel


@pytest.fixture(scope="session")
async def emitted(stack: Endpoints, run_dir: Path) -> Emitted:
    """Take every path through the stack; return all that it has emitted until then."""
    async with paths(stack, Layout(run_dir)) as every:
        await every.take()
        return await everything(every)


@pytest.fixture
def order(stack: Endpoints) -> dict[str, object]:
    """Return the order that the OpenAPI document gives as its example."""
    document = httpx2.get(f"{stack['api']}/openapi.json", timeout=10).json()
    example: dict[str, object] = document["components"]["schemas"]["NewOrder"]["examples"][0]
    return json.loads(json.dumps(example))  # type: ignore[no-any-return]
