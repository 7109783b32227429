"""Each service's user of RabbitMQ is refused what is not its service's.

That it can do its work is shown end to end.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ChannelClosed

from services.common.messaging.topology import EXCHANGE, Subscription, declare_subscription
from services.notifier.app import OUTCOMES
from services.worker.app import ORDERS
from stack.servers.users import SERVICES
from tests.running import Endpoints

Act = Callable[[AbstractChannel], Awaitable[object]]
CURIOUS = Subscription("notifier.curious", ["order.created.v1"])


@asynccontextmanager
async def channel_of(servers: Endpoints, user: str) -> AsyncIterator[AbstractChannel]:
    """Yield a channel that belongs to a service's user."""
    address = servers["amqp"].replace("//orderscope:", f"//{user}:")
    async with await aio_pika.connect(address, timeout=10) as connection:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


async def send(channel: AbstractChannel, exchange: str, key: str) -> None:
    """Publish and wait for the confirm."""
    where = await channel.get_exchange(exchange, ensure=False)
    await where.publish(aio_pika.Message(b"{}"), key, mandatory=True, timeout=5)


async def take(channel: AbstractChannel, queue: str) -> None:
    """Take one message."""
    await (await channel.get_queue(queue, ensure=False)).get(no_ack=True, fail=False, timeout=5)


async def purge(channel: AbstractChannel, queue: str) -> None:
    """Empty a queue."""
    await (await channel.get_queue(queue, ensure=False)).purge(timeout=5)


@pytest.fixture
def amqp(servers: Endpoints) -> str:
    """Return the address of the virtual host in which users have their rights."""
    return servers["amqp"]


@pytest.fixture(autouse=True)
async def queues(channel: AbstractChannel) -> None:
    """Declare the queues of both consumers."""
    for subscription in (ORDERS, OUTCOMES):
        await declare_subscription(channel, subscription)


REFUSED: dict[str, tuple[tuple[str, ...], Act]] = {
    "to write into any queue": (SERVICES, lambda c: send(c, "", ORDERS.queue)),
    "to delete the exchange of events": (SERVICES, lambda c: c.exchange_delete(EXCHANGE)),
    "to make queues of any name": (SERVICES, lambda c: c.declare_queue("mine", exclusive=True)),
    "to delete the worker's queue": (("api", "notifier"), lambda c: c.queue_delete(ORDERS.queue)),
    "to read the worker's queue": (("api", "notifier"), lambda c: take(c, ORDERS.queue)),
    "to empty the worker's queue": (("api", "notifier"), lambda c: purge(c, ORDERS.queue)),
    "to read the notifier's queue": (("api", "worker"), lambda c: take(c, OUTCOMES.queue)),
    "to read dead letters": (("worker", "notifier"), lambda c: take(c, ORDERS.dead_letter_queue)),
    "to read the notifier's dead letters": (
        ("worker", "notifier"),
        lambda c: take(c, OUTCOMES.dead_letter_queue),
    ),
    "to replay to another": (("notifier",), lambda c: send(c, ORDERS.exchange, ORDERS.queue)),
    "to say that an order was placed": (
        ("notifier",),  # the worker may: it republishes the events of stuck orders
        lambda c: send(c, EXCHANGE, "order.created.v1"),
    ),
    "to say that an order is done": (("api", "notifier"), lambda c: send(c, EXCHANGE, "order.done.v1")),
    "to have a copy of placed orders": (("notifier",), lambda c: declare_subscription(c, CURIOUS)),
}


CASES = [
    pytest.param(user, act, id=f"{user} {what}") for what, (users, act) in REFUSED.items() for user in users
]


@pytest.mark.parametrize(("user", "act"), CASES)
async def test_a_service_is_refused(servers: Endpoints, user: str, act: Act) -> None:
    """The broker closes the channel and says that access was refused."""
    async with channel_of(servers, user) as channel:
        closed: asyncio.Queue[BaseException | None] = asyncio.Queue()
        channel.close_callbacks.add(lambda _, error: closed.put_nowait(error))
        with pytest.raises((AMQPError, ChannelClosed, RuntimeError)):
            await act(channel)
        assert "ACCESS_REFUSED" in str(await asyncio.wait_for(closed.get(), 5))
