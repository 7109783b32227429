"""RabbitMQ's management API: the depth of queues, and whether each is replicated to every node."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

from resilience.chaos.amqp import WORK_QUEUES
from stack.servers import rabbitmq, users

TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.5
AUTH = (rabbitmq.ADMINISTRATOR, users.PASSWORD)


async def depth(client: httpx2.AsyncClient, address: str) -> int:
    """Return how many messages are in work and retry queues, unacknowledged ones included.

    Raises:
        httpx2.HTTPError: The node does not answer.
    """
    names = tuple(WORK_QUEUES)
    queues = [queue for queue in await _queues(client, address) if queue["name"].startswith(names)]
    # A node that has just started does not know its queues' depths: that is not yet empty.
    return sum(queue.get("messages", 1) for queue in queues if not queue["name"].endswith(".dlq"))


async def until_replicated(addresses: Sequence[str]) -> None:
    """Wait until every node sees each queue's members online on all nodes, so that any one may be lost.

    Raises:
        TimeoutError: Some members were still missing.
    """
    async with asyncio.timeout(TIMEOUT_SECONDS), httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        while not all([await _is_complete(client, address, len(addresses)) for address in addresses]):  # noqa: ASYNC110 - other processes send no events
            await asyncio.sleep(POLL_SECONDS)


async def _is_complete(client: httpx2.AsyncClient, address: str, nodes: int) -> bool:
    try:
        queues = await _queues(client, address)
    except httpx2.HTTPError:
        return False
    return bool(queues) and all(len(queue.get("online", ())) == nodes for queue in queues)


async def _queues(client: httpx2.AsyncClient, address: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{address}/api/queues?columns=name,messages,online", auth=AUTH)
    queues: list[dict[str, Any]] = answer.raise_for_status().json()
    return queues
