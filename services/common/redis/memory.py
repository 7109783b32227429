"""How much of its memory Redis uses, and what follows when it is short."""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.instruments import Instruments
from services.common.periodic import periodically

WATCH_SECONDS = 1.0
MIN_RETENTION_SECONDS = 900
"""How long anything is kept, however short memory is: longer than duplicates of messages take to arrive."""


class Memory:
    """Knows whether Redis uses more than its budget, a share of the memory that it may use."""

    def __init__(self, redis: Redis, budget: float, instruments: Instruments) -> None:
        """Begin with enough of it."""
        self._redis, self._budget, self._short = redis, budget, False
        self._used = instruments.gauge(
            "redis_memory_used_bytes", "Memory that Redis uses, as it compares it with its bound."
        )
        self._bound = instruments.gauge(
            "redis_memory_max_bytes", "Memory that Redis may use before it refuses writes; 0: no bound."
        )

    def kept(self, seconds: int) -> int:
        """Return how long to keep what is to be kept for so many seconds: less while memory is short."""
        return min(seconds, MIN_RETENTION_SECONDS) if self._short else seconds

    async def watch(self, make_room: Callable[[], Awaitable[None]] | None = None) -> None:
        """Look every second how much is used, and make room while that is too much; until cancelled."""

        async def look() -> None:
            memory = await self._redis.info("memory")
            # As Redis itself compares them: buffers for replicas and the append-only file do not count.
            used, bound = memory["used_memory"] - memory["mem_not_counted_for_evict"], memory["maxmemory"]
            self._used(used)
            self._bound(bound)
            self._short = used > self._budget * bound > 0
            if self._short and make_room is not None:
                await make_room()

        await periodically(look, WATCH_SECONDS, name="memory watch", errors=(RedisError,))
