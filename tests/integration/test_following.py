"""Following an order's status over a real Redis."""

import asyncio

from redis.asyncio import Redis

from services.api.follow import Followers
from services.api.store import status_key


async def test_news_reach_the_followers_of_that_order_only(redis: Redis) -> None:
    """What is published about an order wakes who follows it and nobody else."""
    followers = Followers(redis, 10)
    task = asyncio.create_task(followers.run())
    try:
        async with followers.follow("1") as first, followers.follow("2") as second:
            # Each is woken once by its own subscription, before which something may have happened.
            await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), 10)
            first.clear()
            second.clear()
            async with asyncio.timeout(10):
                while not first.is_set():
                    await redis.publish(status_key("1"), "processing")
                    await asyncio.sleep(0.05)
            assert not second.is_set()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
