"""Three real nodes: queues on all of them, and services that go on when one is killed."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aio_pika
import httpx2
import pytest

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection, broker_errors
from services.common.messaging.consumer import Consumer
from services.common.messaging.messages import Delivery, Settlement
from services.common.messaging.topology import Subscription, events_exchange
from stack import programs
from stack.servers import epmd, rabbitmq, users
from stack.servers.rabbitmq_cluster import Listeners, cluster
from tests.integration.test_stack_servers import Servers, private
from tests.servers import eventually

__all__ = ["private"]  # a fixture
SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
pytestmark = pytest.mark.timeout(180)


class Cluster:
    """Three nodes, and what one of them says about a queue."""

    def __init__(self, servers: Servers) -> None:
        """Start the nodes together."""
        self.servers = servers
        self.listeners = [Listeners(*(servers.port() for _ in range(4))) for _ in range(3)]
        mapper, run_dir = servers.port(), servers.run_dir
        program = programs.require(programs.RABBITMQ)
        nodes = cluster(program, run_dir / "cluster", mapper, self.listeners, os.environ)
        self.specs = {spec.name: spec for spec in nodes}
        port_mapper = epmd.spec(programs.require(programs.EPMD), mapper, run_dir / "epmd", os.environ)
        servers.start(port_mapper, *nodes)

    @property
    def url(self) -> str:
        """The addresses of all nodes."""
        return rabbitmq.url(*(node.amqp for node in self.listeners))

    async def queue(self, name: str) -> dict[str, Any]:
        """Return what a node that is up says about a queue: its leader, its members, who is online."""
        async with httpx2.AsyncClient(auth=(rabbitmq.ADMINISTRATOR, users.PASSWORD), timeout=5) as client:
            for node in self.listeners:
                with suppress(httpx2.TransportError):
                    answer = await client.get(f"http://127.0.0.1:{node.management}/api/queues/%2F/{name}")
                    if answer.status_code == httpx2.codes.OK:
                        found: dict[str, Any] = answer.json()
                        return found
        return {}

    async def online(self, count: int) -> bool:
        """Whether so many replicas of the queue are there."""
        return len((await self.queue(SUBSCRIPTION.queue)).get("online", ())) == count

    async def restart(self, name: str) -> None:
        """Start a node again that was killed."""
        await asyncio.to_thread(self.servers.start, self.specs[name])


@pytest.fixture
def nodes(private: Servers) -> Cluster:
    """Return a running cluster."""
    return Cluster(private)


async def publish_for_ever(broker: BrokerConnection, confirmed: list[int]) -> None:
    """Publish numbers, and note those that were confirmed; whatever fails is tried again."""
    number = 0
    while True:
        with suppress(*BROKER_ERRORS):
            async with broker.channel() as channel:
                events = await events_exchange(channel)
                while True:
                    message = aio_pika.Message(json.dumps(number).encode(), delivery_mode=2)
                    with broker_errors():
                        await events.publish(message, "test.happened.v1", mandatory=True, timeout=5)
                    confirmed.append(number)
                    number += 1
                    await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)


@asynccontextmanager
async def at_work(url: str) -> AsyncIterator[tuple[list[int], set[int]]]:
    """Publish and consume, each over a connection of its own; yield what was confirmed and what arrived."""
    outgoing, incoming, confirmed, arrived = (
        BrokerConnection(url, "out"),
        BrokerConnection(url, "in"),
        list[int](),
        set[int](),
    )

    async def process(delivery: Delivery) -> Settlement:
        arrived.add(int(delivery.body))
        return Settlement("ack", "done")

    consumer = Consumer(incoming, SUBSCRIPTION, process, 20)
    work = (
        outgoing.keep_connected(),
        incoming.keep_connected(),
        consumer.run(),
        publish_for_ever(outgoing, confirmed),
    )
    async with AsyncExitStack() as stack:
        for each in work:
            await stack.enter_async_context(Lifetime().background(each, str(each)))
        yield confirmed, arrived


async def test_a_killed_node_stops_nobody_and_comes_back(nodes: Cluster) -> None:
    """The leader of the queue is killed: publishing and consuming go on, and nothing confirmed is lost."""
    async with at_work(nodes.url) as (confirmed, arrived):
        await eventually(lambda: nodes.online(3), seconds=20)
        leader = (await nodes.queue(SUBSCRIPTION.queue))["leader"].partition("@")[0]
        nodes.servers.kill(leader)
        before = len(confirmed)
        await eventually(lambda: _all(confirmed[: before + 100], arrived, before + 100), seconds=30)
        await nodes.restart(leader)
        await eventually(lambda: nodes.online(3), seconds=30)
        await eventually(lambda: _all(list(confirmed), arrived, before + 200), seconds=30)


async def _all(confirmed: list[int], arrived: set[int], count: int) -> bool:
    return len(confirmed) >= count and arrived.issuperset(confirmed)
