"""Scenarios: named faults, switched on and off while everything runs, to be seen in telemetry.

A Redis hash holds when each one ends, and every process reads it twice a second. A single request can ask for
a scenario by W3C baggage, which travels with it across the broker. Decisions go through OpenFeature, so that
its hooks (telemetry) get every scenario that takes effect.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.hook import Hook
from openfeature.provider import Metadata
from openfeature.provider.in_memory_provider import InMemoryProvider
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.periodic import periodically

log = structlog.get_logger(__name__)

KEY = "scenarios"
"""The Redis hash: a scenario's name and the Unix time, in seconds, at which it ends."""
WATCH_SECONDS = 0.5
MAX_SECONDS = 3600.0
"""How long a scenario may last."""
MAX_CLOCK_SKEW_SECONDS = 60.0
"""How far the clock of the process that switched a scenario on may be ahead."""
PROVIDER = "orderscope-scenarios"
REQUESTED = "requested"
"""The attribute of the evaluation context that names the scenario which a request asks for."""

On = Callable[[str], bool]
"""Returns whether a scenario is on for the current request or message."""
OnFor = Callable[[str, Mapping[str, object]], bool]
"""Returns whether a scenario is on for a message that carries these headers."""
Requested = Callable[[Mapping[str, object] | None], str]
"""Returns which scenario a message's headers, or the current request, asks for; empty for none."""


class _Flags(InMemoryProvider):
    """OpenFeature's view: each scenario is a boolean flag; there are no others."""

    def __init__(self, everywhere: On) -> None:
        super().__init__({})
        self._everywhere = everywhere

    def get_metadata(self) -> Metadata:
        return Metadata(name=PROVIDER)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - as OpenFeature has it
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        attributes = evaluation_context.attributes if evaluation_context else {}
        if attributes.get(REQUESTED) == flag_key:
            return FlagResolutionDetails(value=True, variant="on", reason=Reason.TARGETING_MATCH)
        if self._everywhere(flag_key):
            return FlagResolutionDetails(value=True, variant="on", reason=Reason.STATIC)
        return FlagResolutionDetails(value=default_value, variant="off", reason=Reason.DEFAULT)


class Scenarios:
    """The scenarios that are on; a check costs next to nothing while none is."""

    def __init__(self, requested: Requested, hooks: Sequence[Hook] = ()) -> None:
        """Keep what finds a request's scenario; `hooks` are called for each one that is found to be on."""
        self._requested = requested
        self._until: dict[str, float] = {}
        self._effects: list[Callable[[], None]] = []
        # OpenFeature keeps providers for the whole process, by domain: each of ours has one.
        domain = f"{PROVIDER}-{id(self)}"
        api.set_provider_and_wait(_Flags(self.everywhere), domain)
        self._client = api.get_client(domain)
        self._client.add_hooks(list(hooks))

    def on(self, name: str, headers: Mapping[str, object] | None = None) -> bool:
        """Return whether a scenario is on for everybody, a message's headers or the current request."""
        requested = self._requested(headers)
        if not self._until and requested != name:
            return False
        context = EvaluationContext(attributes={REQUESTED: requested})
        return self._client.get_boolean_value(name, default_value=False, evaluation_context=context)

    def everywhere(self, name: str) -> bool:
        """Return whether a scenario is on for everybody."""
        return self._until.get(name, 0.0) > time.time()

    def applies(self, effect: Callable[[], None]) -> None:
        """Have an effect that no request sets off called each time the hash was read."""
        self._effects.append(effect)

    async def watch(self, redis: Redis) -> None:
        """Read what is on every half second, until cancelled; the last state holds while Redis is away."""

        async def read() -> None:
            try:
                self.update(ends(await redis.hgetall(KEY)))
            finally:  # a scenario that has ended has no effect, also while Redis is away
                for effect in self._effects:
                    effect()

        await periodically(read, WATCH_SECONDS, name="scenario watch", errors=(RedisError,))

    def update(self, found: Mapping[str, float]) -> None:
        """Keep what is on, by the Unix time at which each ends."""
        for name in found.keys() ^ self._until.keys():
            log.warning("scenario switched", scenario=name, on=name in found)
        self._until = dict(found)


def ends(found: Mapping[Any, Any]) -> dict[str, float]:
    """Return, of the hash in Redis, what has not ended yet; a value that is no such time has ended."""
    now, until = time.time(), dict[str, float]()
    for name, text in found.items():
        with suppress(ValueError):
            if now < float(text) <= now + MAX_SECONDS + MAX_CLOCK_SKEW_SECONDS:
                until[name] = float(text)
    return until


@dataclass(frozen=True, slots=True)
class Switches:
    """The operators' view: what is on, switching on for a while, switching off."""

    redis: Redis

    async def ends(self) -> Mapping[str, float]:
        """Return the Unix time at which each scenario that is on ends."""
        return ends(await self.redis.hgetall(KEY))

    async def on(self, name: str, seconds: float) -> None:
        """Switch a scenario on for so many seconds from now."""
        await self.redis.hset(KEY, name, f"{time.time() + seconds:.3f}")

    async def off(self, *names: str) -> None:
        """Switch scenarios off."""
        await self.redis.hdel(KEY, *names)
