"""Which node a broker connection goes to, and how long it waits before it does."""

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import aio_pika
import pytest

from services.common.messaging import connection as module
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection, broker_errors, underlay

NODES = "amqp://u:p@a:1/,amqp://u:p@b:1/,amqp://u:p@c:1/"


class Connection:
    """Stands for a connection that is lost, or blocked by the broker, when the test says so."""

    def __init__(self) -> None:
        self.close_callbacks: set[Callable[..., None]] = set()
        self.transport = self
        self.unblocked = asyncio.Event()
        self.unblocked.set()

    async def ready(self) -> None:
        """Wait until the broker reads."""
        await self.unblocked.wait()

    def lose(self) -> None:
        for callback in list(self.close_callbacks):
            callback()

    async def close(self) -> None:
        """Do nothing: there is none."""


class Cluster:
    """Stands for aio-pika and the time: nodes that are up or down, and how long was slept between tries."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.tried: list[str] = []
        self.slept: list[float] = []
        self.connected: asyncio.Queue[Connection] = asyncio.Queue()
        self.slept_often = asyncio.Event()

    async def connect(self, url: str, **_: object) -> Connection:
        """Connect to a node that is up."""
        self.tried.append(url.partition("@")[2][0])
        if self.tried[-1] in self.down:
            raise ConnectionError("refused")
        await self.connected.put(connection := Connection())
        return connection

    async def sleep(self, seconds: float) -> None:
        """Record the time; the sixth time takes for ever."""
        self.slept.append(seconds)
        if len(self.slept) >= 6:
            self.slept_often.set()
            await asyncio.Event().wait()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return a cluster behind the broker's connections; the first node to be tried is `a`."""
    nodes = Cluster()
    monkeypatch.setattr(aio_pika, "connect", nodes.connect)
    monkeypatch.setattr(asyncio, "sleep", nodes.sleep)
    monkeypatch.setattr(random, "shuffle", lambda _: None)
    return nodes


@asynccontextmanager
async def kept_connected(urls: str = NODES) -> AsyncIterator[BrokerConnection]:
    """Keep a broker connected while the block runs, for at most 5 s."""
    broker = BrokerConnection(urls, "test")
    task = asyncio.create_task(broker.keep_connected())
    try:
        async with asyncio.timeout(5):
            yield broker
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_node_that_is_down_makes_nobody_wait(cluster: Cluster) -> None:
    """The next is tried at once."""
    cluster.down = {"a", "b"}
    async with kept_connected():
        await cluster.connected.get()
    assert (cluster.tried, cluster.slept) == (["a", "b", "c"], [])


async def test_after_a_loss_the_next_node_is_taken(cluster: Cluster) -> None:
    """After a moment, so that not everybody comes at once."""
    async with kept_connected():
        (await cluster.connected.get()).lose()
        await cluster.connected.get()
    assert cluster.tried == ["a", "b"]
    assert [0.1 <= seconds <= 0.2 for seconds in cluster.slept] == [True]


@pytest.mark.parametrize("nodes", [1, 3])
async def test_waits_grow_when_no_node_answers(cluster: Cluster, nodes: int) -> None:
    """One wait after all were tried; up to 3 s."""
    cluster.down = {"a", "b", "c"}
    async with kept_connected(",".join(NODES.split(",")[:nodes])):
        await cluster.slept_often.wait()
    assert len(cluster.tried) == 6 * nodes
    highest = [0.2, 0.4, 0.8, 1.6, 3.0, 3.0]
    assert all(top / 2 <= waited <= top for waited, top in zip(cluster.slept, highest, strict=True))


async def test_connections_spread_over_the_nodes(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first node is any of them."""
    monkeypatch.setattr(random, "shuffle", list.reverse)
    async with kept_connected():
        await cluster.connected.get()
    assert cluster.tried == ["c"]


async def test_a_blocked_connection_is_not_writable(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No channel is asked for on it, for there would be no answer; a lost one is blocked no more."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    shown = list[bool]()
    async with kept_connected() as broker:
        broker.show_blocked = shown.append
        connection = await cluster.connected.get()
        await broker.writable.wait()
        for end in (connection.unblocked.set, connection.lose):
            connection.unblocked.clear()
            await asyncio.to_thread(time.sleep, 0.1)
            assert broker.blocked
            assert shown[-1]
            with pytest.raises(ConnectionError, match="lacks memory or disk space"):
                async with broker.channel():
                    pass
            end()
            await broker.writable.wait()
            assert not broker.blocked
            assert not shown[-1]
    assert cluster.tried == ["a", "b"]


async def test_a_connection_says_where_its_node_is(cluster: Cluster) -> None:
    """As spans name it; the port of the scheme where the address has none."""
    cluster.down.add("a")
    async with kept_connected("amqp://u:p@a/,amqps://u:p@b/") as broker:
        await broker.up.wait()
    assert broker.server == {"server.address": "b", "server.port": 5671}


async def test_a_channel_needs_a_connection() -> None:
    """Without one it fails at once: whoever can wait does so for `up`."""
    with pytest.raises(ConnectionError):
        async with BrokerConnection(NODES, "test").channel():
            pass


async def test_a_cancellation_that_was_asked_for_is_none_of_the_brokers() -> None:
    """A task that waits for an answer of the broker ends when somebody ends it."""

    async def wait_for_an_answer() -> None:
        with broker_errors():
            await asyncio.Event().wait()

    task = asyncio.create_task(wait_for_an_answer())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_channel_that_was_closed_meanwhile_is_a_lost_connection() -> None:
    """The library's error for it is a `RuntimeError`, which elsewhere is a bug."""
    with pytest.raises(ConnectionError):
        await underlay(aio_pika.Channel(cast("Any", None)))


@pytest.mark.parametrize("bug", [KeyError("x"), ValueError("x"), ZeroDivisionError()])
async def test_a_bug_is_none_of_the_brokers(bug: Exception) -> None:
    """Only what aio-pika raises for a lost connection is translated."""
    with pytest.raises(type(bug)), broker_errors():
        raise bug
    assert not isinstance(RuntimeError("a bug"), BROKER_ERRORS)


async def test_an_attempt_that_is_cut_leaves_nothing_to_close(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """The garbage collector, which may run in any thread, would warn of a coroutine that nobody awaits."""
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.05)
    gc.disable()
    try:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as silent:
            host, port = silent.sockets[0].getsockname()
            async with kept_connected(f"amqp://u:p@{host}:{port}/"):
                await asyncio.sleep(0.2)
        await asyncio.to_thread(gc.collect)
    finally:
        gc.enable()
    assert [str(one.message) for one in recwarn if "Connection.close" in str(one.message)] == []
