"""Whether a broker may be taken from its cluster: only when every queue is complete on all of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

from stack.servers import rabbitmq, users

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.5
QUEUES = "/api/queues?columns=name,members,online"


async def until_whole(managements: Sequence[str]) -> None:
    """Wait until each queue's members are online on as many brokers as there are.

    Args:
        managements: The address of each broker's management API.

    Raises:
        TimeoutError: Some were still missing.
    """
    # A proxy that the environment names cannot reach this machine's ports.
    auth = (rabbitmq.ADMINISTRATOR, users.PASSWORD)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx2.AsyncClient(auth=auth, timeout=5, trust_env=False) as client,
    ):
        while not all([await _sees_all(client, address, len(managements)) for address in managements]):  # noqa: ASYNC110 - other processes tell no events
            await asyncio.sleep(POLL_SECONDS)


async def _sees_all(client: httpx2.AsyncClient, address: str, brokers: int) -> bool:
    try:
        answer = await client.get(f"{address}{QUEUES}")
        queues: list[dict[str, Any]] = answer.raise_for_status().json()
    except httpx2.HTTPError:
        return False
    return bool(queues) and all(len(queue.get("online", ())) == brokers for queue in queues)
