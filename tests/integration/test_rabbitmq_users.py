"""Each service's user of RabbitMQ can do that service's work, and is refused everything else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ChannelClosed

from services.common.messaging.topology import (
    EXCHANGE,
    NO_DELIVERY_LIMIT,
    Subscription,
    declare_subscription,
    events_exchange,
)
from services.notifier.app import OUTCOMES
from services.worker.app import ORDERS
from stack.servers.users import SERVICES
from tests.running import Endpoints
from tests.servers import message_in, publish

Act = Callable[[AbstractChannel], Awaitable[object]]
OWN = {"worker": ORDERS, "notifier": OUTCOMES}
LOOKS = 25
"""More than RabbitMQ 4 delivers a message before it drops it."""


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


@pytest.fixture
def amqp(servers: Endpoints) -> str:
    """Return the address of the virtual host in which users have their rights."""
    return servers["amqp"]


@pytest.fixture(autouse=True)
async def queues(channel: AbstractChannel) -> None:
    """Have the queues of both consumers there, empty."""
    for subscription in OWN.values():
        await declare_subscription(channel, subscription)
        retries = [subscription.retry_queue(attempt) for attempt in (1, 2, 3)]
        for queue in (subscription.queue, subscription.dead_letter_queue, *retries):
            await (await channel.get_queue(queue, ensure=False)).purge()


@pytest.mark.parametrize("user", OWN)
async def test_a_consumer_declares_reads_retries_and_sets_aside(servers: Endpoints, user: str) -> None:
    """On queues of its own, and with the declarations that all have in common."""
    own = OWN[user]
    async with channel_of(servers, user) as channel:
        await declare_subscription(channel, own)
        await send(channel, own.exchange, own.queue)
        assert await message_in(channel, own.queue)
        await send(channel, own.exchange, own.retry_queue(1))
        await send(channel, own.exchange, own.dead_letter_queue)
        assert await message_in(channel, own.queue)  # back from the retry


@pytest.mark.parametrize(("user", "event"), [("api", "order.created.v1"), ("worker", "order.done.v1")])
async def test_a_relay_publishes_the_events_of_its_service(servers: Endpoints, user: str, event: str) -> None:
    """They arrive where they are read."""
    async with channel_of(servers, user) as channel:
        await (await events_exchange(channel)).publish(aio_pika.Message(b"{}"), event, timeout=5)


async def test_operators_look_at_dead_letters_as_often_as_they_like_and_replay_them(
    servers: Endpoints, channel: AbstractChannel
) -> None:
    """One at a time under a lock of theirs; a dead letter that was looked at is still there."""
    await publish(channel, ORDERS.dead_letter_queue, aio_pika.Message(b"a dead letter"))
    async with channel_of(servers, "api") as operator:
        await operator.declare_queue("operator.dead-letters", exclusive=True, timeout=5)
        dead_letters = await operator.get_queue(ORDERS.dead_letter_queue, ensure=False)
        for _ in range(LOOKS):
            dead_letter = await dead_letters.get(timeout=5, fail=True)
            assert dead_letter is not None
            await dead_letter.nack(requeue=True)
        found = await message_in(operator, ORDERS.dead_letter_queue)
        await send(operator, ORDERS.exchange, ORDERS.queue)
    assert found.body == b"a dead letter"
    assert NO_DELIVERY_LIMIT > LOOKS


REFUSED: dict[str, tuple[tuple[str, ...], Act]] = {
    "to write into any queue": (SERVICES, lambda c: send(c, "", ORDERS.queue)),
    "to delete the exchange of events": (SERVICES, lambda c: c.exchange_delete(EXCHANGE)),
    "to make queues of any name": (SERVICES, lambda c: c.declare_queue("mine", exclusive=True)),
    "to delete the worker's queue": (("api", "notifier"), lambda c: c.queue_delete(ORDERS.queue)),
    "to read the worker's queue": (("api", "notifier"), lambda c: take(c, ORDERS.queue)),
    "to empty the worker's queue": (("api", "notifier"), lambda c: _purge(c, ORDERS.queue)),
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
}


async def _purge(channel: AbstractChannel, queue: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).purge(timeout=5)


@pytest.mark.parametrize(
    ("user", "act"),
    [
        pytest.param(user, act, id=f"{user} {what}")
        for what, (users, act) in REFUSED.items()
        for user in users
    ],
)
async def test_a_service_is_refused(servers: Endpoints, user: str, act: Act) -> None:
    """The broker closes the channel and says that access was refused."""
    async with channel_of(servers, user) as channel:
        closed: asyncio.Queue[BaseException | None] = asyncio.Queue()
        channel.close_callbacks.add(lambda _, error: closed.put_nowait(error))
        with pytest.raises((AMQPError, ChannelClosed, RuntimeError)):
            await act(channel)
        assert "ACCESS_REFUSED" in str(await asyncio.wait_for(closed.get(), 5))


async def test_a_consumer_may_not_bind_to_events_that_are_not_meant_for_it(servers: Endpoints) -> None:
    """The notifier cannot have a copy of placed orders, with their payments."""
    async with channel_of(servers, "notifier") as channel:
        curious = Subscription("notifier.curious", ["order.created.v1"])
        with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
            await declare_subscription(channel, curious)
