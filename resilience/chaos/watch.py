"""Watching the running system: how many orders are open, and what still waits where."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from redis.asyncio import Redis
from redis.exceptions import RedisError

from resilience.chaos.blueprint import Blueprint
from resilience.chaos.management import depth
from stack.endpoints import endpoints

POLL_SECONDS = 1.0
STABLE_SECONDS = 7.0
"""How long nothing may change: longer than RabbitMQ takes to renew its statistics (5 s)."""
EMAILS = "emails"
OUTBOXES = ("outbox:api", "outbox:worker")


@dataclass(frozen=True, slots=True)
class Watch:
    """Asks the servers, past the proxies."""

    redis: Redis
    client: httpx2.AsyncClient
    management: str
    inbox: str

    async def open_orders(self) -> int:
        """Return how many accepted orders are not settled.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        return int(await self.redis.zcard("orders:open"))

    async def waiting(self) -> dict[str, int]:
        """Return what is not over yet; more may come as long as the number of emails grows.

        Raises:
            redis.RedisError, httpx2.HTTPError: A server does not answer.
        """
        listing = await self.client.get(f"{self.inbox}/api/v1/messages", params={"limit": 1})
        return {
            "open orders": await self.open_orders(),
            "messages in outboxes": sum([await self.redis.xlen(name) for name in OUTBOXES]),
            "messages in queues": await depth(self.client, self.management),
            EMAILS: listing.raise_for_status().json()["total"],
        }


@asynccontextmanager
async def watching(blueprint: Blueprint) -> AsyncIterator[Watch]:
    """Yield what watches a system while the block runs."""
    addresses = endpoints(blueprint.ports)
    redis = Redis.from_url(
        addresses["redis"], decode_responses=True, socket_timeout=5, socket_connect_timeout=1
    )
    async with redis, httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        yield Watch(redis, client, blueprint.managements[0], addresses["mail"])


async def until_quiet(watch: Watch, seconds: float, say: Callable[[str], None]) -> bool:
    """Wait until nothing waits and nothing has changed for a while; return whether that was so in time."""
    clock = asyncio.get_running_loop().time
    deadline, last, since = clock() + seconds, dict[str, int](), clock()
    while clock() < deadline:
        try:
            seen = await watch.waiting()
        except (RedisError, httpx2.HTTPError) as error:
            say(f"a server does not answer: {error!r}")
            seen = {}
        if not seen or seen != last or sum(seen.values()) > seen[EMAILS]:
            since = clock()
        if seen and seen != last:
            say(", ".join(f"{number} {what}" for what, number in seen.items()))
        if clock() - since >= STABLE_SECONDS:
            return True
        last = seen
        await asyncio.sleep(POLL_SECONDS)
    return False
