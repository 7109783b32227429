"""Notifying a customer: one email, however often the outcome is delivered."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from redis.exceptions import RedisError

from services.notifier.handlers import BeingSentError, Ports, RecipientRefusedError, notify
from services.notifier.messages import OrderOutcome
from services.notifier.store import NotificationStore

ORDER_ID = "019ab2f0-5c1e-7d3a-9f00-6b1f2c3d4e5f"


def event(
    name: str = "Ada", email: str = "ada@example.com", reason: str | None = None, age: float = 0
) -> OrderOutcome:
    """Return an outcome of so many seconds ago; a reason makes it a failure."""
    return OrderOutcome.model_validate(
        {
            "id": "019ab2f0-5d00-7b02-9c3d-fedcba987654",
            "type": "order.failed.v1" if reason else "order.done.v1",
            "occurred_at": datetime.now(UTC) - timedelta(seconds=age),
            "data": {"order_id": ORDER_ID, "customer": {"name": name, "email": email}, "reason": reason},
        }
    )


@dataclass
class Post:
    """Stands for the store and the mail server; `steps` is what was done, in order."""

    claimed: Literal["claimed", "sent", "being_sent"] = "claimed"
    refusal: BaseException | None = None
    steps: list[str] = field(default_factory=list)

    async def claim(self, order_id: str) -> Literal["claimed", "sent", "being_sent"]:
        self.steps.append(f"claim {order_id}")
        return self.claimed

    async def mark_sent(self, order_id: str) -> None:
        self.steps.append(f"mark {order_id}")

    async def release(self, order_id: str) -> None:
        self.steps.append(f"release {order_id}")

    async def send(self, event: OrderOutcome) -> None:
        self.steps.append(f"send to {event.data.customer.email}")
        if self.refusal is not None:
            raise self.refusal

    async def notified(self) -> str:
        ports = Ports(self.claim, self.mark_sent, self.release, self.send)
        return await notify(event(), ports=ports)


CLAIM, SEND = f"claim {ORDER_ID}", "send to ada@example.com"


@pytest.mark.parametrize(
    ("claimed", "outcome", "steps"),
    [("claimed", "sent", [CLAIM, SEND, f"mark {ORDER_ID}"]), ("sent", "duplicate", [CLAIM])],
)
async def test_the_customer_gets_one_email(claimed: Any, outcome: str, steps: list[str]) -> None:  # noqa: ANN401 - one of a Literal
    """It is claimed, sent and remembered, in this order; a duplicate ends with the claim."""
    post = Post(claimed)
    assert (await post.notified(), post.steps) == (outcome, steps)


@pytest.mark.parametrize(
    ("post", "error", "steps"),
    [
        (Post("being_sent"), BeingSentError, [CLAIM]),  # whether the other succeeds is not known yet
        *(
            (Post(refusal=error()), error, [CLAIM, SEND, f"release {ORDER_ID}"])
            for error in (RecipientRefusedError, ConnectionError, TimeoutError, KeyboardInterrupt)
        ),
    ],
)
async def test_a_failure_releases_the_claim(post: Post, error: type[BaseException], steps: list[str]) -> None:
    """The error passes, and a retry need not wait for the claim to lapse, unless it is another's."""
    with pytest.raises(error):
        await post.notified()
    assert post.steps == steps


@pytest.mark.parametrize("error", [RecipientRefusedError(), asyncio.CancelledError()])
async def test_a_claim_that_cannot_be_released_hides_no_error(error: BaseException) -> None:
    """A refusal is not retried and a shutdown not delayed because Redis is away: the claim lapses."""

    async def away(*_: object, **__: object) -> None:
        raise RedisError("gone")

    nothing: Any = None
    store, post = NotificationStore(nothing, away, 1, 1), Post(refusal=error)
    with pytest.raises(type(error)):
        await notify(event(), ports=Ports(post.claim, post.mark_sent, store.release, post.send))
