"""Looking into a broker, and putting things there, as tests need it."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, overload
from uuid import uuid4

import aio_pika
import httpx2
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from redis.asyncio import Redis

from stack.servers import rabbitmq, users

T = TypeVar("T")
DEFINITIONS = Path(rabbitmq.__file__).parents[1] / "config" / "definitions.json"
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


@asynccontextmanager
async def virtual_host(servers: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the address of a new virtual host with our exchanges; it is deleted with all that is in it."""
    name, auth = f"tests-{uuid4().hex}", (rabbitmq.ADMINISTRATOR, users.PASSWORD)
    client = httpx2.AsyncClient(base_url=servers["management"], auth=auth, timeout=10, trust_env=False)
    async with client:
        (await client.put(f"/api/vhosts/{name}", json={})).raise_for_status()
        allowed = f"/api/permissions/{name}/{rabbitmq.ADMINISTRATOR}"
        (await client.put(allowed, json=EVERYTHING)).raise_for_status()
        for exchange in json.loads(DEFINITIONS.read_text())["exchanges"]:
            (await client.put(f"/api/exchanges/{name}/{exchange['name']}", json=exchange)).raise_for_status()
        yield servers["amqp"] + name
        (await client.delete(f"/api/vhosts/{name}")).raise_for_status()


async def message_in(channel: AbstractChannel, queue: str, *, seconds: float = 10) -> AbstractIncomingMessage:
    """Take the next message out of a queue, waiting for it."""

    async def take() -> AbstractIncomingMessage | None:
        return await (await channel.get_queue(queue, ensure=False)).get(no_ack=True, fail=False)

    return await eventually(take, seconds=seconds)


async def publish(channel: AbstractChannel, queue: str, message: aio_pika.Message) -> None:
    """Put a message straight into a queue and have it confirmed."""
    await channel.default_exchange.publish(message, queue, timeout=5)


async def entries(redis: Redis, stream: str) -> list[dict[str, str]]:
    """Return the fields of all entries of a stream."""
    found: Any = await redis.xrange(stream)
    return [fields for _, fields in found]


@overload
async def eventually(look: Callable[[], Awaitable[T | None]], *, seconds: float = ...) -> T: ...
@overload
async def eventually(look: Callable[[], T | None], *, seconds: float = ...) -> T: ...
async def eventually(look: Callable[[], Any], *, seconds: float = 10) -> Any:
    """Look until there is something, at most for so many seconds.

    Raises:
        TimeoutError: There was nothing.
    """
    async with asyncio.timeout(seconds):
        while True:
            found = look()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.05)
