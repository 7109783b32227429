"""What was sent to whom, in Redis."""

import asyncio
from secrets import token_hex
from typing import Literal

from redis.exceptions import RedisError

from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import RunScript

SENT = "sent"
MARK_DELAYS_SECONDS = (0.2, 0.5, 1.0)
"""How long to wait before trying again to remember that an email went out: forgetting means a second one."""


class NotificationStore:
    """Remembers notifications: claimed for a moment, or sent."""

    def __init__(self, call: AutoPipeline, run: RunScript, *, claim_seconds: float, retention: int) -> None:
        """A claim lapses after `claim_seconds`, what was sent is forgotten after `retention` seconds."""
        self._call = call
        self._run = run
        self._claim_ms = round(claim_seconds * 1000)
        self._retention = retention
        self._tokens: dict[str, str] = {}

    async def claim(self, order_id: str) -> Literal["claimed", "sent", "being_sent"]:
        """Take an order's notification, unless it was sent or another has it."""
        token = token_hex(16)
        holder = await self._call(
            lambda redis: redis.set(_key(order_id), token, nx=True, get=True, px=self._claim_ms)
        )
        if holder in {None, token}:  # our own: the client had lost the answer, and asked again
            self._tokens[order_id] = token
            return "claimed"
        return "sent" if holder == SENT else "being_sent"

    async def mark_sent(self, order_id: str) -> None:
        """Remember that the email went out."""
        self._tokens.pop(order_id, None)
        for delay in MARK_DELAYS_SECONDS:
            try:
                await self._call(lambda redis: redis.set(_key(order_id), SENT, ex=self._retention))
            except RedisError:
                await asyncio.sleep(delay)
            else:
                return
        await self._call(lambda redis: redis.set(_key(order_id), SENT, ex=self._retention))

    async def release(self, order_id: str) -> None:
        """Give our claim back."""
        token = self._tokens.pop(order_id, "")
        await self._run("release", [_key(order_id)], [token])

    async def give_up(self) -> None:
        """Make sure that Redis answers: without it, whether an email is due is not known."""
        await self._call(lambda redis: redis.ping())


def _key(order_id: str) -> str:
    return f"notification:{order_id}"
