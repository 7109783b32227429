"""What scenarios break in the worker: each wraps the part that a real fault would hit."""

import asyncio
from collections.abc import Callable

from services.common.scenarios import On
from services.worker.handlers import Charge
from services.worker.messages import OrderCreatedData

PAYMENT_SLOW, PAYMENT_ERRORS, PAYMENT_HANG = "payment-slow", "payment-errors", "payment-hang"
CONSUMER_STOPPED, BROKER_DOWN = "consumer-stopped", "broker-down"

SLOW_SECONDS = 8.0
"""Longer than an order should take, and well within the deadline of a delivery."""
HANG_POLL_SECONDS = 0.25
"""How often to check whether the provider still hangs; the delivery's deadline ends the wait anyway."""
OUTAGES = 2
"""With `payment-errors`, how many charges of an order find the provider unavailable before one succeeds."""


def slow_or_hanging(charge: Charge, on: On) -> Charge:
    """Return the charge with a provider that takes seconds, or that never answers."""

    async def charged(order: OrderCreatedData) -> None:
        while on(PAYMENT_HANG):  # noqa: ASYNC110 - there is no event for what a request asks for
            await asyncio.sleep(HANG_POLL_SECONDS)
        if on(PAYMENT_SLOW):
            await asyncio.sleep(SLOW_SECONDS)
        await charge(order)

    return charged


def outages(on: On) -> Callable[[], int]:
    """Return what says how often the provider is unavailable for an order, beyond its own rate of outages."""
    return lambda: OUTAGES if on(PAYMENT_ERRORS) else 0
