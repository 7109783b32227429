"""Redis clients with deadlines, and Lua scripts kept beside the code that calls them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError  # noqa: A004 - it is Redis' own

from services.common.errors import describe
from services.common.lifecycle import Lifetime
from services.common.redis.scripts import Scripts

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_SECONDS = 1.0
"""For a free connection, for connecting and for an answer, so that a caller hears 503 within three seconds.

Every write waits for the disk, and brokers that share it make it wait for hundreds of ms: with 0.3 s
287 of 10,300 POSTs were refused while nodes of a cluster were killed, and none with this."""
WAITING_TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 0.5


def is_wrong_type(error: RedisError) -> bool:
    """Return whether a key is of another type than the command is for; a script's error may say it within."""
    return "WRONGTYPE" in str(error)


class RunScript(Protocol):
    """Runs one of a service's Lua scripts, atomically, by its file's stem."""

    async def __call__(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:  # noqa: ANN401 - Redis replies are as varied as scripts
        """Return the script's reply; raises `redis.RedisError`."""


class _ResetMeansLost(Connection):
    """Says `ConnectionError` when it was reset: uvloop raises `RuntimeError`, which redis-py passes on."""

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        try:
            await super().send_packed_command(*args, **kwargs)
        except RuntimeError as error:
            raise ConnectionError(f"the connection was lost: {error}") from error


class _ResetMeansLostTLS(_ResetMeansLost, SSLConnection):
    """The same, encrypted."""


RESET_MEANS_LOST: dict[type[AbstractConnection], type[Connection]] = {
    Connection: _ResetMeansLost,
    SSLConnection: _ResetMeansLostTLS,
}


def redis_client(url: str, *, timeout: float = REQUEST_TIMEOUT_SECONDS, connections: int = 64) -> Redis:
    """Return a client that repeats a command once when its connection was closed, and never on a timeout.

    After a restart of the server every pooled connection is dead, which only using it shows. The command
    may have been carried out before the connection closed: so whatever is sent through here has to change
    nothing the second time. redis-py itself would try ten times, on timeouts too, and so send a write to a
    hung server again and again.

    Args:
        url: `redis://` or `rediss://` address.
        timeout: Seconds for connecting, for one answer, and for a free connection.
        connections: How many connections may be open at once.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, (ConnectionError,)),
        decode_responses=True,
        encoding_errors="backslashreplace",  # what is not UTF-8 is not ours, and must end nothing
        driver_info=None,  # else each connection begins with two commands that our users may not give
    )
    pool.connection_class = RESET_MEANS_LOST.get(pool.connection_class, pool.connection_class)
    return Redis.from_pool(pool)


def waiting_client(url: str) -> Redis:
    """Return a client for connections that wait for news rather than for an answer, up to 5 s."""
    return redis_client(url, timeout=WAITING_TIMEOUT_SECONDS, connections=8)


async def retrying(work: Callable[[], Awaitable[None]], lifetime: Lifetime) -> None:
    """Do what a service needs before it can begin, as soon as Redis answers or until it is told to stop."""
    while not lifetime.ending:
        try:
            return await work()
        except RedisError as error:
            log.warning("redis not ready", error=describe(error), retry_seconds=RETRY_SECONDS)
        await asyncio.sleep(RETRY_SECONDS)
    return None


def load_scripts(client: Redis, directory: Path) -> RunScript:
    """Return a runner for the `*.lua` files in a directory; a script unknown to the server is sent again."""
    return Scripts(client, {path.stem: path.read_text() for path in directory.glob("*.lua")})
