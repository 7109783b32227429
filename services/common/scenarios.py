"""Scenarios: named faults, switched on and off while everything runs, to be seen in telemetry.

What is on stands in one Redis hash, by name with the time it ends at: every process hears of it within half a
second. A single request can ask for a scenario by W3C baggage, which travels with it across the broker. The
question itself goes through OpenFeature, so that its hooks (telemetry) see every answer that was yes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

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
CLOCKS_DIFFER_SECONDS = 60.0
"""How far the clock of whoever switched one on may be ahead."""
PROVIDER = "orderscope-scenarios"
REQUESTED = "requested"
"""The attribute of the evaluation context that names what the work at hand asks for."""

On = Callable[[str], bool]
"""Says whether a scenario is on for the work at hand."""


class OnFor(Protocol):
    """Says whether a scenario is on for a message that carries these headers."""

    def __call__(self, name: str, headers: Mapping[str, object]) -> bool:
        """Return whether it is."""


Requested = Callable[[Mapping[str, object] | None], str]
"""Returns which scenario the work at hand, or a message by its headers, asks for; empty for none."""


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
    """Knows which scenarios are on; asked for one, it costs next to nothing while none is."""

    def __init__(self, requested: Requested, hooks: Sequence[Hook] = ()) -> None:
        """Ask `requested` what a request wants; `hooks` hear of every scenario that is found to be on."""
        self._requested = requested
        self._until: dict[str, float] = {}
        self._effects: list[Callable[[], None]] = []
        # OpenFeature keeps providers for the whole process, by domain: each of ours has one.
        domain = f"{PROVIDER}-{id(self)}"
        api.set_provider_and_wait(_Flags(self.everywhere), domain)
        self._client = api.get_client(domain)
        self._client.add_hooks(list(hooks))

    def on(self, name: str) -> bool:
        """Return whether a scenario is on, for everybody or for the work at hand."""
        return self.on_for(name, None)

    def on_for(self, name: str, headers: Mapping[str, object] | None) -> bool:
        """Return whether a scenario is on, for everybody or for the message that carries these headers."""
        requested = self._requested(headers)
        if not self._until and requested != name:
            return False
        asked = EvaluationContext(attributes={REQUESTED: requested})
        return self._client.get_boolean_value(name, default_value=False, evaluation_context=asked)

    def everywhere(self, name: str) -> bool:
        """Return whether a scenario is on for everybody."""
        return self._until.get(name, 0.0) > time.time()

    def applies(self, effect: Callable[[], None]) -> None:
        """Have something done at every look at what is on: for effects that no request sets off."""
        self._effects.append(effect)

    async def watch(self, redis: Redis) -> None:
        """Look at what is on every half second, until cancelled; what was seen holds while Redis is away."""

        async def look() -> None:
            try:
                self.learn(ends(await redis.hgetall(KEY)))
            finally:  # what is over is over, also while Redis is away
                for effect in self._effects:
                    effect()

        await periodically(look, WATCH_SECONDS, name="scenario watch", errors=(RedisError,))

    def learn(self, found: Mapping[str, float]) -> None:
        """Take over what is on, by the Unix time at which each ends."""
        for name in found.keys() ^ self._until.keys():
            log.warning("scenario switched", scenario=name, on=name in found)
        self._until = dict(found)


def ends(found: Mapping[Any, Any]) -> dict[str, float]:
    """Return, of a hash in Redis, what has not ended yet; a value that is no such time is over."""
    now = time.time()
    latest = now + MAX_SECONDS + CLOCKS_DIFFER_SECONDS
    return {name: until for name, text in found.items() if now < (until := _time(text)) <= latest}


def _time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


class Switches:
    """What an operator does: sees what is on, switches on for a while, switches off."""

    def __init__(self, redis: Redis) -> None:
        """Keep the client."""
        self._redis = redis

    async def ends(self) -> Mapping[str, float]:
        """Return the Unix time at which each scenario that is on ends."""
        return ends(await self._redis.hgetall(KEY))

    async def on(self, name: str, seconds: float) -> None:
        """Switch a scenario on for so many seconds from now."""
        await self._redis.hset(KEY, name, f"{time.time() + seconds:.3f}")

    async def off(self, *names: str) -> None:
        """Switch scenarios off."""
        await self._redis.hdel(KEY, *names)
