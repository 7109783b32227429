"""Real RabbitMQ and Redis, private to the tests, empty before each of them."""

from collections.abc import AsyncIterator, Iterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from redis.asyncio import Redis

from services.kit.broker import Broker
from services.kit.lifetime import Lifetime
from services.kit.redis import waiting_client
from tests.running import Endpoints, running_stack
from tests.servers import QUEUES, empty


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Start the two servers once for all integration tests."""
    with running_stack(tmp_path_factory.mktemp("servers"), only="rabbitmq,redis") as endpoints:
        yield endpoints


@pytest.fixture
async def redis(servers: Endpoints) -> AsyncIterator[Redis]:
    """Return a client of an empty Redis."""
    async with waiting_client(servers["redis"]) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def channel(servers: Endpoints) -> AsyncIterator[AbstractChannel]:
    """Return a channel to a broker without our queues."""
    connection = await aio_pika.connect(servers["amqp"], timeout=10)
    async with connection, connection.channel(on_return_raises=True) as channel:
        await empty(channel, QUEUES)
        yield channel


@pytest.fixture
async def broker(servers: Endpoints) -> AsyncIterator[Broker]:
    """Return a connected broker, as services use it."""
    broker = Broker(servers["amqp"], "tests")
    async with Lifetime().background(broker.keep_connected(), "broker"):
        yield broker
