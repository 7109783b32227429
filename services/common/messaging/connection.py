"""One AMQP connection that is kept up, and the channels opened on it."""

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError
from aiormq import spec
from aiormq.abc import AbstractChannel as AmqpChannel

from services.common.errors import describe
from services.common.settings import addresses

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 5.0
"""For connecting, and for opening a channel."""
CLOSE_SECONDS = 2.0
"""For closing: what was to be done is done by then, and nobody should wait long for a broker that hangs."""
WATCH_SECONDS = 0.25
"""How often to look whether the broker has blocked a connection; no library reports that as it happens."""
HEARTBEAT_SECONDS = 5
"""A frozen broker counts as lost after three missed heartbeats."""
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS = 0.2, 3.0

BROKER_ERRORS = (AMQPError, OSError)
"""What a lost, frozen or refusing broker looks like; `ConnectionError` and `TimeoutError` are `OSError`s."""


@contextmanager
def broker_errors() -> Iterator[None]:
    """Wrap calls into aio-pika: whatever it raises for a connection that was lost becomes `ConnectionError`.

    It raises `RuntimeError` and `InvalidStateError` for a transport that went away between two awaits. And it
    cancels whatever waits for an answer when its heartbeat gives a broker up, which to the waiting task looks
    as if somebody had asked that task to stop. Nothing but such calls belongs into the block: anywhere else a
    `RuntimeError` is a bug.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionError("the connection to RabbitMQ was lost") from error
    except (RuntimeError, asyncio.InvalidStateError) as error:
        raise ConnectionError("the connection to RabbitMQ was lost") from error


async def underlay(channel: AbstractChannel) -> AmqpChannel:
    """Return the aiormq channel below aio-pika's."""
    with broker_errors():
        return await channel.get_underlay_channel()


class CleanConnection(aio_pika.Connection):
    """A connection that is closed when it cannot be opened.

    aio-pika 10.2 leaves it open, and closes it when the garbage collector finds it: in another thread, as it
    happens, that only warns that "coroutine 'Connection.close' was never awaited"
    (findings/aio-pika-connects-in-vain-and-stays-open.sh).
    """

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aio-pika's
        """Connect, or close."""
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


@dataclass(slots=True)
class BrokerConnection:
    """A connection that is opened again when it is lost; channels are not, whoever uses one opens the next.

    Unlike aio-pika's robust connection it restores nothing in the background: a consumer or a relay that
    lost its channel starts over from a known state, topology included.
    """

    urls: str
    """The addresses of the nodes, separated by commas."""
    name: str
    """Under which a node lists the connection."""
    server: dict[str, str | int] = field(default_factory=dict)
    """Where the node is that is or was connected, as attributes of spans."""
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a connection is open."""
    writable: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while one is open that the broker reads. When it lacks memory or disk space it blocks whoever
    publishes, with all channels (https://www.rabbitmq.com/docs/connection-blocked): so what acknowledges
    needs a connection on which nothing is ever published."""
    show_blocked: Callable[[bool], None] = lambda _: None
    """Told, four times a second, whether the broker blocks it."""
    _connection: AbstractConnection | None = None
    _lost: asyncio.Event = field(default_factory=asyncio.Event)
    _outage: bool = False

    def simulate_outage(self, *, active: bool) -> None:
        """Close the connection and open no other, as if the broker were away; or go back to normal."""
        self._outage = active
        if active:
            self._lost.set()

    async def ping(self) -> None:
        """Raise `ConnectionError` when there is no connection."""
        self._current()

    def _current(self) -> AbstractConnection:
        if self._connection is None:
            raise ConnectionError("not connected to RabbitMQ")
        return self._connection

    @property
    def blocked(self) -> bool:
        """Whether the broker reads nothing from the open connection: it lacks memory or disk space."""
        return self.up.is_set() and not self.writable.is_set()

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Open a channel with publisher confirms while the block runs.

        Raises:
            AMQPError, ConnectionError, TimeoutError: There is no connection, or the broker does not answer.
        """
        if self.blocked:
            raise ConnectionError("RabbitMQ has blocked the connection: it lacks memory or disk space")
        with broker_errors():
            channel = self._current().channel(publisher_confirms=True, on_return_raises=True)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await channel.initialize()
        try:
            yield channel
        finally:
            await _close(channel)

    async def keep_connected(self) -> None:
        """Connect, wait until the connection is lost, connect to the next node; until cancelled.

        Delays grow from 0.2 s to 3 s with jitter, so that many processes do not return at once. Of a cluster
        all nodes are tried before a delay: one that is down makes nobody slower.
        """
        nodes = addresses(self.urls)
        random.shuffle(nodes)  # connections spread over a cluster
        delay, failures = FIRST_DELAY_SECONDS, 0
        for url in cycle(nodes):
            node = urlsplit(url).netloc.rpartition("@")[2]
            try:
                await self._connect_until_lost(url, node)
                delay, failures = FIRST_DELAY_SECONDS, 0
                log.warning("rabbitmq connection lost", node=node)
            except BROKER_ERRORS as error:
                failures += 1
                log.warning("rabbitmq connection failed", node=node, error=_reason(error))
                if failures % len(nodes):
                    continue
            await asyncio.sleep(random.uniform(delay / 2, delay))  # noqa: S311 - jitter is no secret
            delay = min(delay * 2, LAST_DELAY_SECONDS)

    async def _connect_until_lost(self, url: str, node: str) -> None:
        if self._outage:
            raise ConnectionRefusedError("an outage is simulated")
        lost = self._lost = asyncio.Event()
        with broker_errors():
            # Not by a parameter: aio-pika's `wait_for` can swallow a cancellation on Python 3.11.
            async with asyncio.timeout(TIMEOUT_SECONDS):
                connection = await aio_pika.connect(
                    url,
                    heartbeat=HEARTBEAT_SECONDS,
                    client_properties={"connection_name": self.name},
                    connection_class=CleanConnection,
                )
        connection.close_callbacks.add(lambda *_: lost.set())
        self._connection = connection
        host, port = urlsplit(url).hostname or "", urlsplit(url).port
        self.server |= {"server.address": host, "server.port": port or DEFAULT_PORTS[urlsplit(url).scheme]}
        self.up.set()
        self.writable.set()
        log.info("rabbitmq connected", node=node)
        try:
            while await _pending(lost.wait(), WATCH_SECONDS):
                # aiormq's `ready` returns at once, or else when the broker goes on reading.
                blocked = connection.transport and await _pending(connection.transport.ready(), 0)
                (self.writable.clear if blocked else self.writable.set)()
                self.show_blocked(self.blocked)
        finally:
            self.up.clear()
            self.writable.clear()
            self.show_blocked(self.blocked)
            self._connection = None
            await _close(connection)


async def _pending(waiting: Awaitable[object], seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting
            return False
    return True


async def _close(closable: AbstractChannel | AbstractConnection) -> None:
    with suppress(*BROKER_ERRORS), broker_errors():
        async with asyncio.timeout(CLOSE_SECONDS):
            await closable.close()


def _reason(error: BaseException) -> str:
    """Return why a connection failed, in the broker's words if it refused to open one.

    For these aiormq 7.2 raises an error that has the `repr` of the broker's frame
    (findings/aiormq-loses-the-reason-of-a-refusal.sh); the frame itself, which says the reason, is left where
    the error was raised. To be removed as soon as aiormq raises the `ConnectionClosed` that it means to.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in frame.f_locals.values():
            if isinstance(value, spec.Connection.Close):
                return f"{type(error).__name__}: {value.reply_code} {value.reply_text}"
    return describe(error)
