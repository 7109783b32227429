"""Redis connections that are lost in the middle of something, on the event loop that services run on."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Any

import pytest
import uvloop
from redis.exceptions import ConnectionError as LostError

from services.common.redis.client import redis_client


async def _pong(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer each command of a client with the same word."""
    while await reader.read(1000):
        writer.write(b"+PONG\r\n")
    writer.close()


def test_a_connection_that_is_reset_before_a_write_is_lost() -> None:
    """It is an error of Redis, to be tried again or answered with 503, and none of the program."""

    async def reset_then_write() -> None:
        async with await asyncio.start_server(_pong, "127.0.0.1", 0) as server:
            client = redis_client(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
            assert await client.ping()
            pool: Any = client.connection_pool
            connection = await pool.get_connection()
            connection._writer.transport.abort()  # noqa: SLF001 - as a reset does, between two awaits
            try:
                with pytest.raises(LostError):
                    await connection.send_command("PING")
                assert not connection.is_connected
            finally:
                await pool.release(connection)
                await client.aclose()

    uvloop.run(reset_then_write())
