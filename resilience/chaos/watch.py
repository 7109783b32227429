"""Looking on while the system works: how many orders are settled, and what still waits where."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
from redis.asyncio import Redis
from redis.exceptions import RedisError

from resilience.chaos.ledger import SETTLED
from resilience.chaos.letters import WORK_QUEUES
from resilience.chaos.load import Answers

POLL_SECONDS = 1.0
STABLE_SECONDS = 7.0
"""How long nothing may change: longer than RabbitMQ takes to renew its metrics (5 s)."""
OUTBOXES = ("outbox:api", "outbox:worker")
DEPTHS = "/metrics/detailed?family=queue_coarse_metrics"
DEPTH = re.compile(r'^rabbitmq_detailed_queue_messages\{.*queue="([^"]+)".*\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not over yet."""

    orders: int
    """Answered with 202 and not settled."""
    outboxes: int
    queues: int
    """In work and retry queues, also those in a consumer's hand."""
    mails: int
    """In the inbox: more may come as long as this grows."""

    def __str__(self) -> str:
        """Say it in words."""
        waiting = f"{self.orders} orders, {self.outboxes} in outboxes, {self.queues} in queues"
        return f"{waiting}; {self.mails} emails"

    @property
    def nothing(self) -> bool:
        """Whether all is over."""
        return self.orders == self.outboxes == self.queues == 0


@dataclass(slots=True)
class Watch:
    """Asks the servers, past the proxies."""

    redis: Redis
    client: httpx2.AsyncClient
    metrics: Sequence[str]
    inbox: str
    answers: Answers
    _settled: set[str] = field(default_factory=set)
    _open: int = 0

    async def settled(self) -> int:
        """Return how many of the accepted orders are settled; while Redis is away, as many as last time."""
        open_orders = [order_id for order_id in self.answers.accepted if order_id not in self._settled]
        try:
            async with self.redis.pipeline(transaction=False) as pipeline:
                for order_id in open_orders:
                    pipeline.hget(f"order:{order_id}:status", "status")
                statuses: list[Any] = await pipeline.execute()
        except RedisError:
            return len(self._settled)
        self._settled |= {
            order for order, status in zip(open_orders, statuses, strict=True) if status in SETTLED
        }
        return len(self._settled)

    async def open_orders(self) -> int:
        """Return how many orders the services themselves think open: cheap, and enough to show progress."""
        with suppress(RedisError):
            self._open = await self.redis.zcard("orders:open")
        return self._open

    async def waiting(self) -> Waiting:
        """Return what waits.

        Raises:
            redis.RedisError, httpx2.HTTPError: A server does not answer.
        """
        unsettled = len(self.answers.accepted) - await self.settled()
        outboxes = [await self.redis.xlen(name) for name in OUTBOXES]
        listing = await self.client.get(f"{self.inbox}/api/v1/messages", params={"limit": 1})
        return Waiting(
            unsettled, sum(outboxes), await self._depth(), listing.raise_for_status().json()["total"]
        )

    async def _depth(self) -> int:
        depth = 0
        for address in self.metrics:
            text = (await self.client.get(f"{address}{DEPTHS}")).raise_for_status().text
            depth += sum(int(float(count)) for queue, count in DEPTH.findall(text) if _is_work(queue))
        return depth


async def until_quiet(look: Callable[[], Any], seconds: float, tell: Callable[[str], None]) -> bool:
    """Wait until nothing waits and nothing has changed for a while; return whether that was so in time."""
    clock = asyncio.get_running_loop().time
    deadline, last, since = clock() + seconds, None, clock()
    while clock() < deadline:
        try:
            seen: Waiting | None = await look()
        except (RedisError, httpx2.HTTPError) as error:
            tell(f"a server does not answer: {error!r}")
            seen = None
        if seen is None or seen != last or not seen.nothing:
            since = clock()
        if seen is not None and seen != last:
            tell(str(seen))
        if clock() - since >= STABLE_SECONDS:
            return True
        last = seen
        await asyncio.sleep(POLL_SECONDS)
    return False


def _is_work(queue: str) -> bool:
    return queue.startswith(tuple(WORK_QUEUES)) and not queue.endswith(".dlq")
