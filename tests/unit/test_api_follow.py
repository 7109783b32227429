"""Following an order: every change, once, in order, whatever becomes of the hints."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from services.api import follow
from services.api.follow import Followers, changes
from services.api.orders import DamagedOrderError
from services.api.schemas import OrderStatus, Status, StatusChange
from services.api.store import status_key

if TYPE_CHECKING:
    from redis.asyncio import Redis

SETTLED: list[Status] = ["pending", "processing", "done"]
AT = "2026-11-23T09:30:00Z"


class PubSub:
    """Stands for Redis and its subscription: hands over what a test publishes, errors included."""

    def __init__(self) -> None:
        """Start without subscriptions."""
        self.channels: set[str] = set()
        self.changed = asyncio.Event()
        self.news: asyncio.Queue[str | Exception] = asyncio.Queue()

    @asynccontextmanager
    async def pubsub(self, **_: object) -> AsyncIterator["PubSub"]:
        """Open a subscription, which forgets its channels at the end."""
        try:
            yield self
        finally:
            self.channels.clear()

    async def subscribe(self, *channels: str) -> None:
        """Listen to channels."""
        self.channels.update(channels)
        self.changed.set()

    async def unsubscribe(self, *channels: str) -> None:
        """Cease to."""
        self.channels.difference_update(channels)
        self.changed.set()

    async def until(self, channel: str, *, listening: bool = True) -> None:
        """Wait until somebody subscribed to a channel, or nobody does any more."""
        async with asyncio.timeout(5):
            while (channel in self.channels) is not listening:
                self.changed.clear()
                await self.changed.wait()

    async def get_message(self, timeout: float) -> dict[str, str] | None:  # noqa: ASYNC109 - redis-py's signature
        """Return the next message, or None after a while."""
        try:
            async with asyncio.timeout(timeout):
                news = await self.news.get()
        except TimeoutError:
            return None
        if isinstance(news, Exception):
            raise news
        return {"channel": news}


class Orders:
    """Stands for the store: one order, whose history a test goes on with."""

    def __init__(self, *history: Status, damaged_after: float = inf) -> None:
        """Start with a history; an order without one is unknown."""
        self.history = list(history)
        self.damaged_after = damaged_after
        self.loads = 0
        self.looked_twice = asyncio.Event()

    async def load(self, _: str) -> OrderStatus | None:
        """Return where the order stands."""
        self.loads += 1
        if self.loads > self.damaged_after:
            raise DamagedOrderError
        if self.loads > 1:
            self.looked_twice.set()
        changed = [StatusChange(status=status, at=AT) for status in self.history]
        return OrderStatus(id="x", status=self.history[-1], history=changed) if changed else None


def deaf(limit: int = 1) -> Followers:
    """Return followers that nothing wakes."""
    return Followers(cast("Redis", PubSub()), limit)


async def followed(
    orders: Orders,
    seen: int = 0,
    ending: Callable[[], bool] = lambda: False,
    followers: Followers | None = None,
) -> list[tuple[int, Status]]:
    """Follow an order to its end; without followers, deaf to hints."""
    followers = followers or deaf()
    found = changes(followers, orders.load, "x", seen=seen, ending=ending)
    async with asyncio.timeout(5):
        return [(number, change.status) async for number, change in found]


@pytest.mark.parametrize(
    ("history", "seen", "expected"),
    [
        (SETTLED, 0, [(1, "pending"), (2, "processing"), (3, "done")]),
        (SETTLED, 1, [(2, "processing"), (3, "done")]),
        (SETTLED, 3, []),
        (SETTLED, 9, []),
        ([], 0, []),
    ],
)
async def test_changes_come_in_order_from_where_one_left_off(
    history: list[Status], seen: int, expected: list[Any]
) -> None:
    """Numbers count from the first change, for clients that resume; an order that expired has no changes."""
    assert await followed(Orders(*history), seen) == expected


async def test_a_lost_hint_costs_a_heartbeat_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any news a follower looks again by itself and misses nothing."""
    monkeypatch.setattr(follow, "HEARTBEAT_SECONDS", 0.01)
    orders = Orders("pending")
    following = asyncio.create_task(followed(orders))
    await asyncio.wait_for(orders.looked_twice.wait(), 5)
    orders.history += ["processing", "failed"]
    assert await following == [(1, "pending"), (2, "processing"), (3, "failed")]


async def test_a_service_that_ends_lets_its_followers_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next heartbeat the stream of an unsettled order ends."""
    monkeypatch.setattr(follow, "HEARTBEAT_SECONDS", 0.01)
    orders = Orders("pending")
    assert await followed(orders, ending=lambda: orders.loads > 2) == [(1, "pending")]


async def test_news_wakes_its_followers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A published change comes without waiting for a heartbeat, to followers of that order only."""
    monkeypatch.setattr(follow, "HEARTBEAT_SECONDS", 60)
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    orders = Orders("pending")
    async with listening() as (followers, redis), followers.follow("y") as other:
        await asyncio.wait_for(other.wait(), 5)  # its subscription, before which something may have happened
        other.clear()
        following = asyncio.create_task(followed(orders, followers=followers))
        await redis.until(status_key("x"))
        orders.history += ["done"]
        redis.news.put_nowait(status_key("x"))
        assert await following == [(1, "pending"), (2, "done")]
        assert not other.is_set()


async def test_a_broken_subscription_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error everything that is followed is subscribed to again."""
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(follow, "RETRY_SECONDS", 0.01)
    async with listening() as (followers, redis), followers.follow("x") as news:
        await redis.until(status_key("x"))
        news.clear()
        with capture_logs() as logs:
            redis.news.put_nowait(RedisConnectionError("gone"))
            await asyncio.wait_for(news.wait(), 5)
        assert redis.channels == {follow.KEEP, status_key("x")}
    assert [line["event"] for line in logs] == ["status subscription lost"]


async def test_nobody_listens_for_those_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order's channel is left with its last follower."""
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    async with listening() as (followers, redis):
        async with followers.follow("x"):
            async with followers.follow("x"):
                await redis.until(status_key("x"))
            assert status_key("x") in redis.channels
        await redis.until(status_key("x"), listening=False)
        assert redis.channels == {follow.KEEP}


@asynccontextmanager
async def listening(limit: int = 9) -> AsyncIterator[tuple[Followers, PubSub]]:
    """Run followers over a subscription that is open."""
    redis = PubSub()
    followers = Followers(cast("Redis", redis), limit)
    task = asyncio.create_task(followers.run())
    await redis.until(follow.KEEP)
    yield followers, redis
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_order_that_gets_damaged_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen was sent; whoever asks again gets the problem."""
    monkeypatch.setattr(follow, "HEARTBEAT_SECONDS", 0.01)
    assert await followed(Orders("pending", damaged_after=1)) == [(1, "pending")]


@pytest.mark.parametrize("turns", range(4))
async def test_a_follower_that_is_cancelled_as_news_comes_is_gone(turns: int) -> None:
    """`asyncio.wait_for` would swallow the cancellation, and a stream that nobody reads would go on."""
    followers, orders = deaf(), Orders("pending")
    task = asyncio.create_task(followed(orders, seen=1, followers=followers))
    await asyncio.sleep(0.01)
    followers._wake({status_key("x")})  # noqa: SLF001 - what a message from Redis does
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert task.cancelled()
