"""Following an order: its status changes as they happen, over one Redis subscription a process."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from services.api.cache import SETTLED
from services.api.orders import DamagedOrderError
from services.api.schemas import OrderStatus, StatusChange
from services.api.store import status_key
from services.common.errors import describe

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.1
"""How long a new follower may wait for its subscription."""
RETRY_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0
"""How often a follower looks by itself, whatever was published or lost."""
KEEP = "orders:keep-alive"
"""A channel that nobody writes to, so that the subscription is never empty."""


@dataclass(slots=True)
class Followers:
    """Wakes the streams that wait for news of an order.

    What is published is only a hint to look; the order's status in Redis is the truth. So nothing is lost
    when the subscription breaks: followers look again at their next heartbeat.
    """

    redis: Redis
    limit: int
    _taken: int = 0
    _waiting: dict[str, set[asyncio.Event]] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether this process streams to as many clients as it may."""
        return self._taken >= self.limit

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places while the block runs: from before an answer begins until it has ended."""
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(KEEP)
                    await self._listen(pubsub)
            except (RedisError, OSError) as error:
                log.warning("status subscription lost", error=describe(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, pubsub: PubSub) -> None:
        # This task alone uses the connection: redis-py's subscriptions are not made for two tasks.
        subscribed: set[str] = set()
        while True:
            wanted = set(self._waiting)
            if subscribed - wanted:
                await pubsub.unsubscribe(*(subscribed - wanted))
            if wanted - subscribed:
                await pubsub.subscribe(*(wanted - subscribed))
                self._wake(wanted - subscribed)  # something may have happened just before
            subscribed = wanted
            message = await pubsub.get_message(timeout=POLL_SECONDS)
            if message is not None:
                self._wake({message["channel"]})

    def _wake(self, channels: set[str]) -> None:
        for channel in channels:
            for news in self._waiting.get(channel, ()):
                news.set()

    @asynccontextmanager
    async def follow(self, order_id: str) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set when there is news."""
        channel, news = status_key(order_id), asyncio.Event()
        self._waiting.setdefault(channel, set()).add(news)
        try:
            yield news
        finally:
            self._waiting[channel].discard(news)
            if not self._waiting[channel]:
                del self._waiting[channel]


async def changes(
    followers: Followers,
    load: Callable[[str], Awaitable[OrderStatus | None]],
    order_id: str,
    *,
    seen: int,
    ending: Callable[[], bool],
) -> AsyncGenerator[tuple[int, StatusChange], None]:
    """Yield an order's status changes, numbered from 1, from the one after `seen` until it is settled."""
    async with followers.follow(order_id) as news:
        while not ending():
            news.clear()
            try:
                status = await load(order_id)
            except RedisError as error:
                # The answer has begun: better late than cut off.
                log.warning("status not readable", error=describe(error))
                await asyncio.sleep(HEARTBEAT_SECONDS)
                continue
            except DamagedOrderError:
                return  # a client that connects again gets a problem
            history = status.history if status else []
            for number, change in enumerate(history[seen:], seen + 1):
                yield number, change
            seen = max(seen, len(history))
            if status is None or status.status in SETTLED:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await news.wait()
