"""What was sent to whom, in Redis."""

from typing import Literal

from redis.asyncio import Redis

SENT = "sent"


class NotificationStore:
    """Remembers notifications: claimed for a moment, or sent."""

    def __init__(self, redis: Redis, *, claim_seconds: float, retention: int) -> None:
        """A claim lapses after `claim_seconds`, what was sent is forgotten after `retention` seconds."""
        self._redis = redis
        self._claim_ms = round(claim_seconds * 1000)
        self._retention = retention

    async def claim(self, order_id: str) -> Literal["claimed", "sent", "being_sent"]:
        """Take an order's notification, unless it was sent or another has it."""
        holder = await self._redis.set(_key(order_id), "being_sent", nx=True, get=True, px=self._claim_ms)
        if holder is None:
            return "claimed"
        return "sent" if holder == SENT else "being_sent"

    async def mark_sent(self, order_id: str) -> None:
        """Remember that the email went out."""
        await self._redis.set(_key(order_id), SENT, ex=self._retention)

    async def release(self, order_id: str) -> None:
        """Give a claim back."""
        await self._redis.delete(_key(order_id))

    async def give_up(self) -> None:
        """Make sure that Redis answers: without it, whether an email is due is not known."""
        await self._redis.ping()


def _key(order_id: str) -> str:
    return f"notification:{order_id}"
