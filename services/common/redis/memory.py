"""How much of its memory Redis uses."""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.periodic import periodically

WATCH_SECONDS = 1.0


async def watch_memory(
    redis: Redis,
    report: Callable[[int, int], None],
    *,
    budget: float = 1.0,
    make_room: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Report every second the bytes that Redis uses and may use (0: without a bound), until cancelled.

    Where more than `budget`, a share of what it may use, is used, `make_room` is called.
    """

    async def look() -> None:
        memory = await redis.info("memory")
        # As Redis itself compares them: buffers for replicas and the append-only file do not count.
        used, bound = memory["used_memory"] - memory["mem_not_counted_for_evict"], memory["maxmemory"]
        report(used, bound)
        if make_room is not None and bound and used > budget * bound:
            await make_room()

    await periodically(look, WATCH_SECONDS, name="memory watch", errors=(RedisError,))
