"""The client: places orders at a steady rate, and sends each again until it is answered with 202."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2

from resilience.chaos.orders import NewOrder

RETRY_SECONDS = 300.0
"""How long one order is sent again."""
REQUEST_TIMEOUT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 2.0
FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS = 0.2, 3.0
MAX_CONCURRENT = 100
"""Requests without an answer."""
RETRYABLE = {"429", "503", "timeout", "connection"}
"""What a client may retry; any other answer is final."""


@dataclass(slots=True)
class Answers:
    """The answers that the client got."""

    accepted: dict[str, str] = field(default_factory=dict)
    """The keys of accepted orders by the id that the api gave them."""
    refused: Counter[str] = field(default_factory=Counter)
    """How often a request was answered otherwise, by status; `timeout` and `connection`: not at all."""
    unanswered: list[str] = field(default_factory=list)
    """The keys of orders that were never accepted."""


async def place_all(api: str, orders: Sequence[NewOrder], seconds: float, answers: Answers) -> None:
    """Place orders, spread evenly over so many seconds, and wait until each has its final answer."""
    # Idle connections close before the api closes them (10 s): one that is used meanwhile brings no answer.
    limits = httpx2.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS)
    clock = asyncio.get_running_loop().time
    began, slots = clock(), asyncio.Semaphore(MAX_CONCURRENT)
    # trust_env: a proxy that the environment names cannot reach this machine's ports.
    client = httpx2.AsyncClient(base_url=api, timeout=REQUEST_TIMEOUT_SECONDS, limits=limits, trust_env=False)
    async with client, asyncio.TaskGroup() as tasks:
        for number, order in enumerate(orders):
            await asyncio.sleep(began + number * seconds / len(orders) - clock())
            tasks.create_task(_place(client, order, answers, slots))


async def _place(
    client: httpx2.AsyncClient, order: NewOrder, answers: Answers, slots: asyncio.Semaphore
) -> None:
    clock = asyncio.get_running_loop().time
    deadline, delay = clock() + RETRY_SECONDS, FIRST_DELAY_SECONDS
    while True:
        async with slots:
            status, order_id, retry_after = await _send(client, order)
        if status == "202":
            answers.accepted[order_id] = order.key
            return
        answers.refused[status] += 1
        if status not in RETRYABLE or clock() > deadline:
            answers.unanswered.append(order.key)
            return
        await asyncio.sleep(max(retry_after, random.uniform(delay / 2, delay)))  # noqa: S311 - jitter
        delay = min(2 * delay, LAST_DELAY_SECONDS)


async def _send(client: httpx2.AsyncClient, order: NewOrder) -> tuple[str, str, float]:
    """Return the status, the id of an accepted order, and the seconds that the server asks to wait."""
    headers = {"Idempotency-Key": order.key, "X-Correlation-ID": order.key}
    try:
        answer = await client.post("/v1/orders", json=order.body, headers=headers)
    except httpx2.TimeoutException:
        return "timeout", "", 0.0
    except httpx2.TransportError:
        return "connection", "", 0.0
    accepted = answer.status_code == httpx2.codes.ACCEPTED
    wait = answer.headers.get("Retry-After", "")
    order_id = str(answer.json()["id"]) if accepted else ""
    return str(answer.status_code), order_id, float(wait) if wait.isdigit() else 0.0
