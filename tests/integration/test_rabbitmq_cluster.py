"""Three real nodes: queues on all of them, and services that go on when one is killed."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import aio_pika
import httpx2
import psutil
import pytest

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection, broker_errors
from services.common.messaging.consumer import Consumer
from services.common.messaging.messages import Delivery, Settlement
from services.common.messaging.topology import Subscription, events_exchange
from stack import processes, programs
from stack.ports import ANY_PORTS, reserved_ports
from stack.servers import rabbitmq, users
from tests.integration.test_stack_servers import Servers, private
from tests.servers import eventually

__all__ = ["private"]  # a fixture
SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
pytestmark = pytest.mark.timeout(180)


class Cluster:
    """Three nodes, and what one of them says about a queue."""

    def __init__(self, servers: Servers) -> None:
        """Start the nodes together."""
        with ExitStack() as claims:
            self.ports = [claims.enter_context(reserved_ports(ANY_PORTS)) for _ in range(3)]
        run_dir = servers.run_dir
        program = programs.require(programs.RABBITMQ)
        nodes = rabbitmq.cluster(program, run_dir / "cluster", self.ports, os.environ)
        self.specs = {spec.name: spec for spec in nodes}
        port_mapper = rabbitmq.port_mapper(
            programs.require(programs.EPMD), self.ports[0], run_dir / "epmd", os.environ
        )
        servers.start(port_mapper, *nodes)

    @property
    def url(self) -> str:
        """The addresses of all nodes."""
        return rabbitmq.url(*(node.amqp for node in self.ports))

    async def queue(self) -> dict[str, Any]:
        """Return what a node that is up says about the queue: its leader, its members, who is online."""
        async with httpx2.AsyncClient(auth=(rabbitmq.ADMINISTRATOR, users.PASSWORD), timeout=5) as client:
            for node in self.ports:
                with suppress(httpx2.TransportError):
                    path = f"127.0.0.1:{node.rabbitmq_management}/api/queues/%2F/{SUBSCRIPTION.queue}"
                    answer = await client.get(f"http://{path}")
                    if answer.status_code == httpx2.codes.OK:
                        return answer.json()  # type: ignore[no-any-return]
        return {}

    async def complete(self) -> bool:
        """Whether all replicas of the queue are there."""
        return len((await self.queue()).get("online", ())) == len(self.ports)


async def publish_for_ever(broker: BrokerConnection, confirmed: list[int]) -> None:
    """Publish numbers, and keep those that were confirmed; whatever fails is tried again."""
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
    outgoing, incoming = BrokerConnection(url, "out"), BrokerConnection(url, "in")
    confirmed, arrived = list[int](), set[int]()

    async def process(delivery: Delivery) -> Settlement:
        arrived.add(int(delivery.body))
        return Settlement("ack", "done")

    consumer = Consumer(incoming, outgoing, SUBSCRIPTION, process, 20)
    async with (
        Lifetime().background(outgoing.keep_connected(), "out"),
        Lifetime().background(incoming.keep_connected(), "in"),
        Lifetime().background(consumer.run(), "consumer"),
        Lifetime().background(publish_for_ever(outgoing, confirmed), "publisher"),
    ):
        yield confirmed, arrived


async def test_a_killed_node_stops_nobody_and_comes_back(private: Servers) -> None:
    """The leader of the queue is killed: publishing and consuming go on, and nothing confirmed is lost.

    Only this machine reaches the nodes, and they end when they are asked to.
    """
    nodes = Cluster(private)
    async with at_work(nodes.url) as (confirmed, arrived):

        def all_arrived(count: int) -> bool:
            """Whether so many were confirmed, and everything that was confirmed by now."""
            return len(confirmed) >= count and arrived.issuperset(confirmed)

        await eventually(nodes.complete, seconds=20)
        leader = (await nodes.queue())["leader"].partition("@")[0]
        private.kill(leader)
        before = len(confirmed)
        await eventually(lambda: all_arrived(before + 100), seconds=30)
        await asyncio.to_thread(private.start, nodes.specs[leader])
        await eventually(nodes.complete, seconds=30)
        await eventually(lambda: all_arrived(before + 200), seconds=30)
    running = list(private.processes.values())
    for process in running:
        assert private.listening(process.name)
        assert private.listening(process.name) <= {"127.0.0.1", "::1"}
        assert psutil.Process(process.pid).name().startswith(("beam", "epmd"))  # no wrapper passes signals on
    assert processes.stop_all(running) == []
    assert processes.marked([process.mark for process in running]) == []
