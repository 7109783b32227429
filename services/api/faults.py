"""What scenarios break in the api: each wraps the part that a real fault would hit."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from mmap import mmap
from time import perf_counter
from typing import ParamSpec, TypeVar

from services.api.cache import Load, OrderCache
from services.api.limits import Decide, Decision, RateLimiter
from services.api.orders import Place
from services.common.ids import uuid7
from services.common.messaging.messages import Outgoing, PublishBatch
from services.common.scenarios import On, OnFor

P = ParamSpec("P")
R = TypeVar("R")
POISON_MESSAGES, DUPLICATE_MESSAGES = "poison-messages", "duplicate-messages"
BLOCKING_HANDLER, MEMORY_LEAK = "blocking-handler", "memory-leak"
CACHE_STAMPEDE, TRAFFIC_SPIKE, BROKER_DOWN = "cache-stampede", "traffic-spike", "broker-down"

BLOCKED_SECONDS = 0.4
LEAKED_BYTES = 256 * 1024
"""What a request leaves behind."""
MAX_LEAKS = 600
"""150 MiB: enough to be seen, not enough to be ended for at 256 MiB."""
SPIKE = 500
"""How many requests each one counts as during a traffic spike."""


def preceded(
    call: Callable[P, Awaitable[R]], on: On, scenario: str, effect: Callable[P, None]
) -> Callable[P, Awaitable[R]]:
    """Return the call, preceded by an effect while the scenario is on."""

    async def disturbed(*args: P.args, **kwargs: P.kwargs) -> R:
        if on(scenario):
            effect(*args, **kwargs)
        return await call(*args, **kwargs)

    return disturbed


def blocking(place: Place, on: On) -> Place:
    """Return the use case with a computation that keeps the event loop from everything else."""

    def compute(*_: object) -> None:
        end = perf_counter() + BLOCKED_SECONDS
        while perf_counter() < end:
            pass

    return preceded(place, on, BLOCKING_HANDLER, compute)


@dataclass(slots=True)
class Leak:
    """Memory that requests leave behind, up to a bound, until they are freed."""

    kept: list[mmap] = field(default_factory=list)
    _leaking: bool = False

    def around(self, place: Place, on: On) -> Place:
        """Return the use case with the leak."""
        return preceded(place, on, MEMORY_LEAK, lambda *_: self._grow())

    def _grow(self) -> None:
        if len(self.kept) < MAX_LEAKS:
            # Mapped, so that the system gets it back at once: what Python frees it may keep.
            self.kept.append(mmap(-1, LEAKED_BYTES))
            self.kept[-1].write(b"x" * LEAKED_BYTES)

    def free(self, *, leaking: bool) -> None:
        """Free all of it once the scenario is off for everybody."""
        if self._leaking and not leaking:
            for piece in self.kept:
                piece.close()
            self.kept.clear()
        self._leaking = leaking


def stampede(cache: OrderCache, on: On) -> Load:
    """Return what reads through a cache in which every order has just expired."""
    return preceded(cache.get, on, CACHE_STAMPEDE, cache.expire)


def spike(limiter: RateLimiter, on: On) -> Decide:
    """Return the rate limit, during a traffic spike that of a client that sends far more than it may."""
    strict = replace(limiter, per_second=limiter.per_second / SPIKE, burst=max(1, limiter.burst // SPIKE))

    async def decided(client: str) -> Decision:
        # Counted separately: the client's own count, and an operator at its address, are not affected.
        return await (strict.decide(f"spike {client}") if on(TRAFFIC_SPIKE) else limiter.decide(client))

    return decided


def disturbed(publish: PublishBatch, on_for: OnFor) -> PublishBatch:
    """Return the publishing of batches with messages twice, and with unreadable ones among them."""

    async def published(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        duplicates = [_copy(one) for one in messages if on_for(DUPLICATE_MESSAGES, one.headers)]
        poison = [
            replace(_copy(one), message_id=uuid7(), body=b'{"poison":')
            for one in messages
            if on_for(POISON_MESSAGES, one.headers)
        ]
        results = await publish([*messages, *duplicates, *poison])
        return results[: len(messages)]

    return published


def _copy(message: Outgoing) -> Outgoing:
    return replace(message, headers=dict(message.headers))
