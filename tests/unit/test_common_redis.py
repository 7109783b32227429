"""Redis connections that are lost while nobody uses them, on the event loop that services run on."""

import asyncio

import pytest
import uvloop
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import DataError

from services.common.redis.client import UvloopConnection, pipeline_client, redis_client
from tests.unit.redis_server import FakeRedis


def test_a_connection_that_was_reset_is_replaced() -> None:
    """Its command is sent on another one, or fails as an error of Redis, never as a bug of the program."""

    async def echo_after_reset() -> None:
        async with FakeRedis().running() as server, redis_client(server.url) as client:
            for word in ("before", "after"):
                assert await client.echo(word) == word
                server.reset()
                await asyncio.sleep(0.05)  # the reset has arrived
            async with pipeline_client(server.url) as unrepeating:
                assert await unrepeating.echo("before")
                server.reset()
                await asyncio.sleep(0.05)
                with pytest.raises(LostError):
                    await unrepeating.echo("after")

    uvloop.run(echo_after_reset())


def test_commands_are_encoded_as_redis_py_encodes_them() -> None:
    """The same bytes for texts, bytes and numbers, and the same error for what Redis has no form for."""
    commands = [("EVALSHA", "digest", 1, "key", "Zoë", b"\x00\xff", 1.5, -3), ("CONFIG GET", "maxmemory")]
    ours, theirs = UvloopConnection(), Connection()
    assert ours.pack_commands(commands) == theirs.pack_commands(commands)
    with pytest.raises(DataError):
        ours.pack_command("SET", "key", None)
