"""How much of its memory Redis uses, and what follows when it is short."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.periodic import periodically

WATCH_SECONDS = 1.0
MIN_RETENTION_SECONDS = 900
"""How long anything is kept, however short memory is: longer than duplicates of messages take to arrive."""


@dataclass(slots=True)
class Memory:
    """Knows whether Redis uses more than its budget, a share of the memory that it may use."""

    redis: Redis
    budget: float
    short: bool = False

    def kept(self, seconds: int) -> int:
        """Return how long to keep what is to be kept for so many seconds: less while memory is short."""
        return min(seconds, MIN_RETENTION_SECONDS) if self.short else seconds

    async def watch(
        self,
        report: Callable[[int, int], None] = lambda *_: None,
        make_room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Report every second how many bytes are used, and may be (0: no bound); make room if it is short."""

        async def look() -> None:
            memory = await self.redis.info("memory")
            # As Redis itself compares them: buffers for replicas and the append-only file do not count.
            used, bound = memory["used_memory"] - memory["mem_not_counted_for_evict"], memory["maxmemory"]
            report(used, bound)
            self.short = used > self.budget * bound > 0
            if self.short and make_room is not None:
                await make_room()

        await periodically(look, WATCH_SECONDS, name="memory watch", errors=(RedisError,))
