"""One AMQP connection that is kept up, and the channels opened on it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import cycle
from urllib.parse import urlsplit

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError

from services.common.errors import describe
from services.common.settings import addresses

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_SECONDS = 5.0
HEARTBEAT_SECONDS = 5
"""A frozen broker counts as lost after three missed heartbeats."""
CHANNEL_TIMEOUT_SECONDS = 5.0
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


class BrokerConnection:
    """A connection that is opened again when it is lost; channels are not, whoever uses one opens the next.

    Unlike aio-pika's robust connection it restores nothing in the background: a consumer or a relay that
    lost its channel starts over from a known state, topology included.
    """

    def __init__(self, urls: str, name: str) -> None:
        """Keep the addresses, separated by commas, and the name under which a node lists the connection."""
        self._urls = addresses(urls)
        self._name = name
        self._connection: AbstractConnection | None = None
        self.up = asyncio.Event()
        """Set while a connection is open."""
        self._lost = asyncio.Event()
        self._outage = False

    @property
    def connected(self) -> bool:
        """Whether a connection is open at this moment."""
        return self.up.is_set()

    def simulate_outage(self, *, active: bool) -> None:
        """Close the connection and open no other, as if the broker were away; or go back to normal."""
        self._outage = active
        if active:
            self._lost.set()

    async def ping(self) -> None:
        """Raise `ConnectionError` when there is no connection."""
        if not self.connected:
            raise ConnectionError("not connected to RabbitMQ")

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Wait for the connection and open a channel with publisher confirms on it.

        Raises:
            AMQPError, ConnectionError, TimeoutError: The broker went away or does not answer.
        """
        await self.up.wait()
        if self._connection is None:
            raise ConnectionError("not connected to RabbitMQ")
        with broker_errors():
            channel = self._connection.channel(publisher_confirms=True, on_return_raises=True)
            async with asyncio.timeout(CHANNEL_TIMEOUT_SECONDS):
                await channel.initialize()
        try:
            yield channel
        finally:
            with suppress(*BROKER_ERRORS), broker_errors():
                async with asyncio.timeout(CHANNEL_TIMEOUT_SECONDS):
                    await channel.close()

    async def keep_connected(self) -> None:
        """Connect, wait until the connection is lost, connect to the next node; until cancelled.

        Delays grow from 0.2 s to 3 s with jitter, so that many processes do not return at once. Of a cluster
        all nodes are tried before a delay: one that is down makes nobody slower.
        """
        delay, failures = FIRST_DELAY_SECONDS, 0
        for url in self._nodes():
            try:
                await self._connect_until_lost(url)
                delay, failures = FIRST_DELAY_SECONDS, 0
                log.warning("rabbitmq connection lost", node=_node(url))
            except BROKER_ERRORS as error:
                failures += 1
                log.warning("rabbitmq connection failed", node=_node(url), error=describe(error))
                if failures % len(self._urls):
                    continue
            await asyncio.sleep(random.uniform(delay / 2, delay))  # noqa: S311 - jitter is no secret
            delay = min(delay * 2, LAST_DELAY_SECONDS)

    def _nodes(self) -> Iterator[str]:
        """Yield the addresses in turn, for ever, from a random one on: connections spread over a cluster."""
        start = random.randrange(len(self._urls))  # noqa: S311 - no secret
        return cycle([*self._urls[start:], *self._urls[:start]])

    async def _connect_until_lost(self, url: str) -> None:
        if self._outage:
            raise ConnectionRefusedError("an outage is simulated")
        lost = self._lost = asyncio.Event()
        with broker_errors():
            connection = await aio_pika.connect(
                url,
                timeout=CONNECT_TIMEOUT_SECONDS,
                heartbeat=HEARTBEAT_SECONDS,
                client_properties={"connection_name": self._name},
            )
        connection.close_callbacks.add(lambda *_: lost.set())
        self._connection = connection
        self.up.set()
        log.info("rabbitmq connected", node=_node(url))
        try:
            await lost.wait()
        finally:
            self.up.clear()
            self._connection = None
            with suppress(*BROKER_ERRORS), broker_errors():
                async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                    await connection.close()


def _node(url: str) -> str:
    """Return the part of an address that may be logged."""
    return urlsplit(url).netloc.rpartition("@")[2]
