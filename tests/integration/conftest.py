"""Real RabbitMQ and Redis, private to the tests, empty for each of them."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aio_pika
import psutil
import pytest
from aio_pika.abc import AbstractChannel
from redis.asyncio import Redis

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.redis.client import blocking_client
from stack import programs
from stack.layout import Layout
from tests.running import Endpoints, component, running_stack
from tests.servers import virtual_host

MemoryAlarm = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[BrokerConnection]:
    """Yield a connection as services use it."""
    broker = BrokerConnection(address, "tests")
    async with Lifetime().background(broker.keep_connected(), "broker"):
        async with asyncio.timeout(10):
            await broker.writable.wait()
        yield broker


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Start the two servers once for all integration tests."""
    run_dir = tmp_path_factory.mktemp("servers")
    with running_stack(run_dir, only="rabbitmq,redis") as endpoints:
        ports = json.loads((run_dir / "stack.json").read_text())["ports"]
        management = f"http://127.0.0.1:{ports['rabbitmq_management']}"
        yield {**endpoints, "management": management, "run_dir": str(run_dir)}


@pytest.fixture
async def redis(servers: Endpoints) -> AsyncIterator[Redis]:
    """Return a client of an empty Redis."""
    async with blocking_client(servers["redis"]) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def amqp(servers: Endpoints) -> AsyncIterator[str]:
    """Return the address of a virtual host that is the test's own.

    Else quorum queues of the same names would be deleted and declared hundreds of times, and now and then
    RabbitMQ keeps a part of one and cannot make it again:
    https://github.com/rabbitmq/rabbitmq-server/issues/17137.
    """
    async with virtual_host(servers) as address:
        yield address


@pytest.fixture
async def channel(amqp: str) -> AsyncIterator[AbstractChannel]:
    """Return a channel to a broker without queues."""
    connection = await aio_pika.connect(amqp, timeout=10)
    async with connection, connection.channel(on_return_raises=True) as channel:
        yield channel


@pytest.fixture
async def broker(amqp: str) -> AsyncIterator[BrokerConnection]:
    """Return a connected broker, as services use it."""
    async with connected(amqp) as broker:
        yield broker


@pytest.fixture
async def outgoing(amqp: str) -> AsyncIterator[BrokerConnection]:
    """Return another connection to it, for publishing."""
    async with connected(amqp) as broker:
        yield broker


@pytest.fixture
def memory_alarm(servers: Endpoints) -> MemoryAlarm:
    """Return what makes the broker lack memory while a block runs: then it blocks whoever publishes."""
    node = psutil.Process(component(Layout(Path(servers["run_dir"])), "rabbitmq").pid)
    command = programs.require(programs.RABBITMQ).with_name("rabbitmqctl")

    async def allow(*memory: str) -> None:
        setting = [str(command), "set_vm_memory_high_watermark", *memory]
        await asyncio.to_thread(subprocess.run, setting, env=node.environ(), check=True, timeout=30)

    @asynccontextmanager
    async def alarm() -> AsyncIterator[None]:
        await allow("absolute", "1MB")
        try:
            yield
        finally:
            await allow("absolute", "384MB")

    return alarm
