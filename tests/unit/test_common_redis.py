"""Redis connections that are lost while nobody uses them, on the event loop that services run on."""

import asyncio

import pytest
import uvloop
from redis.exceptions import ConnectionError as LostError

from services.common.redis.client import pipeline_client, redis_client
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
