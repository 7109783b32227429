"""Real RabbitMQ and Redis, private to the tests, empty for each of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from redis.asyncio import Redis

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.redis.client import blocking_client
from tests.running import Endpoints, running_stack
from tests.servers import virtual_host


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Start the two servers once for all integration tests."""
    run_dir = tmp_path_factory.mktemp("servers")
    with running_stack(run_dir, only="rabbitmq,redis") as endpoints:
        ports = json.loads((run_dir / "stack.json").read_text())["ports"]
        yield {**endpoints, "management": f"http://127.0.0.1:{ports['rabbitmq_management']}"}


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
    broker = BrokerConnection(amqp, "tests")
    async with Lifetime().background(broker.keep_connected(), "broker"):
        await asyncio.wait_for(broker.up.wait(), 10)
        yield broker
