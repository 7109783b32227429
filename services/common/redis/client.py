"""Redis clients with deadlines."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer

from services.common.errors import describe
from services.common.lifecycle import Lifetime

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_SECONDS = 1.0
"""For a free connection, for connecting and for an answer, so that a caller gets 503 within three seconds.

Every write waits for the disk, and brokers that share it make it wait for hundreds of ms: with 0.3 s
287 of 10,300 POSTs were refused while nodes of a cluster were killed, and none with this."""
BLOCKING_TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 0.5
DEFAULT_PORT = 6379


_serializer = HiredisRespSerializer()


class UvloopConnection(Connection):
    """A connection that says `ConnectionError` when it was reset, and encodes commands with hiredis.

    uvloop raises `RuntimeError` where asyncio raises `ConnectionResetError`, and redis-py passes it on. This
    can go when https://github.com/MagicStack/uvloop/issues/506 is solved. redis-py encodes with hiredis, in a
    third of the time, on all connections but those for asyncio.
    """

    def pack_command(self, *args: Any) -> list[bytes]:  # noqa: ANN401 - what Redis takes
        """Encode a command; raises `redis.DataError` for what Redis has no form for."""
        packed: list[bytes] = _serializer.pack(*args)
        return packed

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        """Send commands that are encoded already."""
        try:
            await super().send_packed_command(*args, **kwargs)
        except RuntimeError as error:
            raise exceptions.ConnectionError(f"the connection was lost: {error}") from error


class UvloopSSLConnection(UvloopConnection, SSLConnection):
    """The same, encrypted."""


def redis_client(
    url: str,
    *,
    timeout: float = REQUEST_TIMEOUT_SECONDS,
    reply_timeout: float | None = REQUEST_TIMEOUT_SECONDS,
    connections: int = 64,
    retries: int = 1,
) -> Redis:
    """Return a client that repeats a command once when its connection was closed, and never on a timeout.

    After a restart of the server every pooled connection is dead, which only using it shows. The command may
    have been carried out all the same: so whatever is sent has to change nothing the second time. redis-py
    by itself repeats ten times, on timeouts too, and so sends a write to a hung server again and again.

    `timeout` is for connecting and for a free connection, `reply_timeout` for one reply, both in seconds.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout,
        socket_timeout=reply_timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), retries, (exceptions.ConnectionError,)),
        decode_responses=True,
        legacy_responses=False,  # the same shapes whatever protocol an address asks for
        encoding_errors="backslashreplace",  # what is not UTF-8 is not ours, and must end nothing
        driver_info=None,  # else each connection begins with two commands that our users may not give
    )
    # The address decides between plain and encrypted, so the class is chosen after it was parsed.
    encrypted = issubclass(pool.connection_class, SSLConnection)
    pool.connection_class = UvloopSSLConnection if encrypted else UvloopConnection
    return Redis.from_pool(pool)


def blocking_client(url: str) -> Redis:
    """Return a client for commands that block in the server until there is something new, up to 5 s."""
    seconds = BLOCKING_TIMEOUT_SECONDS
    return redis_client(url, timeout=seconds, reply_timeout=seconds, connections=8)


def pipeline_client(url: str) -> Redis:
    """Return a client for `AutoPipeline`, which has deadlines and repeats commands by rules of its own."""
    return redis_client(url, reply_timeout=None, connections=2, retries=0)


def is_usable(url: str) -> bool:
    """Return whether redis-py can make a connection of an address: knows its options, and finds its files."""
    try:
        pool = redis_client(url).connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        if isinstance(connection, SSLConnection):
            connection.ssl_context.get()
    except (AttributeError, TypeError, ValueError, OSError, exceptions.RedisError):
        return False
    return re.fullmatch(r"/?\d*", urlsplit(url).path, re.ASCII) is not None


def redis_command(operation: str, url: str) -> dict[str, str | int]:
    """Return what a span says of a command to the Redis at an address, as semconv/database/redis names it."""
    server, known = urlsplit(url), {"db.system.name": "redis", "db.operation.name": operation}
    return {**known, "server.address": server.hostname or "", "server.port": server.port or DEFAULT_PORT}


def try_to_write(redis: Redis) -> Awaitable[Any]:
    """Raise what a write would: a key that is never there is set if it is (`XX`), which changes nothing."""
    return redis.set("writable", 1, xx=True)


def refuses_writes(error: exceptions.RedisError) -> bool:
    """Return whether memory or disk is full, or Redis is a read-only replica or lacks replicas of its own."""
    known = isinstance(error, exceptions.OutOfMemoryError | exceptions.ReadOnlyError)
    return known or str(error).startswith(("MISCONF", "NOREPLICAS"))


def is_wrong_type(error: exceptions.RedisError) -> bool:
    """Return whether a command met a key of another type; a script's error contains that of its command."""
    return "WRONGTYPE" in str(error)


async def retry_until_done(work: Callable[[], Awaitable[None]], lifetime: Lifetime) -> None:
    """Do what a service needs before it can begin, as soon as Redis answers, or until the service ends."""
    while not lifetime.ending:
        try:
            await work()
            break
        except exceptions.RedisError as error:
            log.warning("redis not ready", error=describe(error), retry_seconds=RETRY_SECONDS)
        await asyncio.sleep(RETRY_SECONDS)
