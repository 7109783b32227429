"""What was sent to whom, in Redis."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal

from redis.exceptions import RedisError

from services.common.redis.client import try_to_write
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import RunScript
from services.notifier.handlers import SENT

MARK_DELAYS_SECONDS = (0.2, 0.5, 1.0)
"""How long to wait before trying again to remember that an email went out: forgetting means a second one."""


@dataclass(frozen=True, slots=True)
class NotificationStore:
    """Remembers notifications: claimed for a moment, or sent."""

    call: AutoPipeline
    run: RunScript
    claim_seconds: float
    """After which a claim lapses."""
    retention_seconds: int
    """After which it is forgotten that an email was sent."""
    kept: Callable[[int], int] = lambda seconds: seconds
    """Returns how long something is kept that is to be kept for so many seconds."""
    _tokens: dict[str, str] = field(default_factory=dict)

    async def claim(self, order_id: str) -> Literal["claimed", "sent", "being_sent"]:
        """Take an order's notification, unless it was sent or another process has it."""
        token = token_hex(16)
        holder = await self._set(order_id, token, nx=True, get=True, px=round(self.claim_seconds * 1000))
        if holder in {None, token}:  # our own token: the command was sent twice, as its answer got lost
            self._tokens[order_id] = token
            return "claimed"
        return "sent" if holder == SENT else "being_sent"

    async def mark_sent(self, order_id: str) -> None:
        """Remember that the email went out."""
        self._tokens.pop(order_id, None)
        seconds = self.kept(self.retention_seconds)
        for delay in MARK_DELAYS_SECONDS:
            with suppress(RedisError):
                await self._set(order_id, SENT, ex=seconds)
                return
            await asyncio.sleep(delay)
        await self._set(order_id, SENT, ex=seconds)

    async def release(self, order_id: str) -> None:
        """End this process's claim; without Redis the claim lapses by itself."""
        with suppress(RedisError):
            await self.run("release", [_key(order_id)], [self._tokens.pop(order_id, "")])

    async def ensure_available(self, *_: object) -> None:
        """Raise unless Redis takes writes: without a claim, whether an email is due is not known."""
        await self.call(try_to_write)

    async def _set(self, order_id: str, value: str, **options: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        return await self.call(lambda redis: redis.set(_key(order_id), value, **options))


def _key(order_id: str) -> str:
    return f"notification:{order_id}"
