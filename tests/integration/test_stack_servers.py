"""The private RabbitMQ and Redis, for real: they keep what they confirmed, and they keep to themselves."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from redis.asyncio import Redis

from stack import processes, programs
from stack.ports import free_port
from stack.processes import Process
from stack.progress import Progress
from stack.servers import epmd, rabbitmq, redis
from stack.spec import Spec
from stack.startup import start_all
from tests.unit.stack_fakes import until

LISTENING = "0A"  # the state of a socket in /proc/net/tcp


class Servers:
    """Servers of one test, in a folder whose path has spaces and is not ASCII."""

    def __init__(self, run_dir: Path) -> None:
        """Begin with nothing running."""
        self.run_dir = run_dir
        self.processes: dict[str, Process] = {}
        self._ports: set[int] = set()

    def port(self) -> int:
        """Return a port that is free, and that no other server of this test was given."""
        while (port := free_port()) in self._ports:
            pass
        self._ports.add(port)
        return port

    def start(self, *specs: Spec) -> None:
        """Start servers and wait until they are ready."""
        with Path(os.devnull).open("w") as nowhere:
            start_all(specs, self.run_dir, Progress(nowhere), self._started)

    def kill(self, name: str) -> None:
        """End a server as a power cut does."""
        processes.stop(self.processes[name], kill=True)

    def _started(self, process: Process) -> None:
        self.processes[process.name] = process


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Servers]:
    """Return a place for servers; whatever they are and have started is gone afterwards."""
    servers = Servers(tmp_path / "a run dir, übrigens")
    try:
        yield servers
    finally:
        processes.stop_all(servers.processes.values(), kill=True)
    assert processes.marked((f"{servers.run_dir}|",)) == []


def broker(servers: Servers, mapper: int, name: str = "rabbitmq") -> tuple[rabbitmq.Node, Spec]:
    """Return a node on free ports, and how to run it."""
    node = rabbitmq.Node(
        program=programs.require(programs.RABBITMQ),
        directory=servers.run_dir / name,
        home=servers.run_dir / name,
        amqp=servers.port(),
        management=servers.port(),
        metrics=servers.port(),
        distribution=servers.port(),
        epmd=mapper,
        name=f"{name}@127.0.0.1",
    )
    return node, rabbitmq.spec(node, os.environ, name=name)


def store(run_dir: Path, port: int) -> Spec:
    """Return how to run a Redis."""
    return redis.spec(programs.require(programs.REDIS), port, run_dir / "redis", os.environ)


def mapper_spec(run_dir: Path, port: int) -> Spec:
    """Return how to run a port mapper."""
    return epmd.spec(programs.require(programs.EPMD), port, run_dir / "epmd", os.environ)


def listening(pid: int) -> set[str]:
    """Return the addresses that a process listens on."""
    inodes = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    found = set[str]()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in inodes:
                words = bytes.fromhex(fields[1].partition(":")[0])
                packed = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                found.add(socket.inet_ntop(family, packed))
    return found


def command(process: Process) -> str:
    """Return the name of the program that a process runs."""
    return Path(f"/proc/{process.pid}/comm").read_text()


def on_disk(node: rabbitmq.Node, queue: str) -> bool:
    """Whether a node has written down that a quorum queue is its own; it does so once a second."""
    registers = (node.directory / "mnesia").glob("*/quorum/*/names.dets")
    return any(queue.encode() in register.read_bytes() for register in registers)


async def quorum_queue(channel: AbstractChannel) -> None:
    """Declare the kind of queue that the system uses."""
    await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})


async def test_rabbitmq_keeps_confirmed_messages_over_a_kill(private: Servers) -> None:
    """A quorum queue on a private node; killed and started again by the same spec, it has the message."""
    port = private.port()
    node, spec = broker(private, port)
    private.start(mapper_spec(private.run_dir, port), spec)
    async with await aio_pika.connect(rabbitmq.url(node.amqp)) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await quorum_queue(channel)
        message = aio_pika.Message(b"order", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept", timeout=10)
    until(
        lambda: on_disk(node, "kept")
    )  # killed before that, RabbitMQ 3.10 brings the queue back without a leader
    private.kill("rabbitmq")
    private.start(spec)
    async with await aio_pika.connect(rabbitmq.url(node.amqp)) as connection:
        queue = await (await connection.channel()).get_queue("kept")
        kept = await queue.get(timeout=20, fail=True)
    assert kept
    assert kept.body == b"order"


async def test_two_nodes_run_beside_each_other_and_on_this_machine_only(private: Servers) -> None:
    """Each listens for clients, people, Prometheus and nodes; nothing of it can be reached from outside."""
    port = private.port()
    one, other = broker(private, port, "one"), broker(private, port, "other")
    private.start(mapper_spec(private.run_dir, port), one[1], other[1])
    for node, _ in (one, other):
        async with await aio_pika.connect(rabbitmq.url(node.amqp)) as connection:
            await quorum_queue(await connection.channel())
    for name in ("one", "other", "epmd"):
        assert listening(private.processes[name].pid) <= {"127.0.0.1", "::1"}, name
        assert listening(private.processes[name].pid)


async def test_a_broker_stops_when_it_is_asked_to(private: Servers) -> None:
    """Its pid is the server's own: a signal needs no wrapper to pass it on, and its helpers end with it."""
    port = private.port()
    private.start(mapper_spec(private.run_dir, port), broker(private, port)[1])
    process = private.processes["rabbitmq"]
    assert command(process).startswith("beam")
    assert processes.stop_all([process]) == []
    assert processes.marked((process.mark,)) == []


async def test_redis_keeps_answered_writes_over_a_kill(private: Servers) -> None:
    """The append-only file is on, written at each command; killed and started again it has the key."""
    port = private.port()
    spec = store(private.run_dir, port)
    private.start(spec)
    async with Redis(port=port, decode_responses=True) as client:
        assert await client.set("order", "accepted")
        settings = await client.config_get("append*", "maxmemory-policy", "maxmemory")
    private.kill("redis")
    private.start(spec)
    async with Redis(port=port, decode_responses=True) as client:
        assert await client.get("order") == "accepted"
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["maxmemory"] != "0"


async def test_redis_can_be_reached_from_this_machine_only(private: Servers) -> None:
    """It has no password here."""
    private.start(store(private.run_dir, private.port()))
    assert listening(private.processes["redis"].pid) == {"127.0.0.1"}


async def test_a_frozen_server_is_not_ready_and_can_be_stopped(private: Servers) -> None:
    """What chaos runs do: SIGSTOP, look, and end it in order all the same."""
    port = private.port()
    spec = store(private.run_dir, port)
    private.start(spec)
    process = private.processes["redis"]
    assert spec.ready()
    os.kill(process.pid, signal.SIGSTOP)
    assert not spec.ready()
    assert processes.stop_all([process]) == []
