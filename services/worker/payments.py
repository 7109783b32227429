"""A simulated payment provider: its latency, its declines, its outages, and its records in Redis."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from services.common.redis.scripts import RunScript
from services.worker.handlers import PaymentDeclinedError, PaymentUnavailableError
from services.worker.messages import OrderCreatedData
from services.worker.settings import Settings
from services.worker.store import now

SIGMA = 0.7
"""Of the log-normal latency: a p99 of about five times the median, as card networks have it."""
MAX_LATENCY_SECONDS = 5.0
ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the provider will say to an order."""

    state: Literal["approved", "declined"]
    outages: int
    """How many charges find the provider unavailable first."""


TEST_TOKENS = {
    "tok_visa": Verdict("approved", 0),
    "tok_declined": Verdict("declined", 0),
    "tok_flaky": Verdict("approved", 1),
    "tok_outage": Verdict("approved", ALWAYS),
}


@dataclass(frozen=True, slots=True)
class SimulatedPayments:
    """Implements `PaymentProvider` like one across the network; the order's id is the idempotency key."""

    run: RunScript
    settings: Settings
    outages: Callable[[], int] = lambda: 0
    """How often to be unavailable for an order, beyond the verdict on it."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def charge(self, order: OrderCreatedData) -> None:
        """Take the order's total; raises `PaymentDeclinedError` or `PaymentUnavailableError`."""
        await self._travel()
        settings, total = self.settings, order.total
        rates = settings.payment_decline_rate, settings.payment_outage_rate
        verdict = judge(order.payment.token, order.order_id, *rates)
        outages = verdict.outages + self.outages()
        arguments = [verdict.state, outages, total.amount, total.currency, now(), settings.retention_seconds]
        state = await self.run("charge", [_payment(order.order_id)], arguments)
        if state == "unavailable":
            raise PaymentUnavailableError("the payment provider is unavailable")
        if state != "approved":
            raise PaymentDeclinedError(f"the payment was {state}")

    async def void(self, order_id: str) -> None:
        """Refund what was taken for an order, or prevent that anything will be."""
        await self._travel()
        await self.run("void", [_payment(order_id)], [now(), self.settings.retention_seconds])

    async def _travel(self) -> None:
        if median := self.settings.payment_latency_ms / 1000:
            latency = random.lognormvariate(math.log(median), SIGMA)
            await self.sleep(min(latency, MAX_LATENCY_SECONDS))


def judge(token: str, order_id: str, decline_rate: float, outage_rate: float) -> Verdict:
    """Return the verdict on an order: the token's, or drawn by the order's id, so that it never changes."""
    if token in TEST_TOKENS:
        return TEST_TOKENS[token]
    draw = random.Random(order_id)  # noqa: S311 - a simulation
    outages = 1 if draw.random() < outage_rate else 0
    return Verdict("declined" if draw.random() < decline_rate else "approved", outages)


def _payment(order_id: str) -> str:
    return f"payment:{order_id}"
