"""The worker's own metrics, put around the functions that settle and charge."""

from datetime import UTC, datetime
from time import perf_counter

from services.common.instruments import Count, Instruments
from services.worker.handlers import (
    Charge,
    Final,
    PaymentDeclinedError,
    PaymentUnavailableError,
    Settle,
    Settled,
)
from services.worker.messages import OrderCreatedData, OrderReference

PAYMENT_OUTCOMES = ("approved", "declined", "unavailable", "error")


def measure_settled(instruments: Instruments, settle: Settle) -> Settle:
    """Count each order that is settled, and how long that took since it was accepted."""
    statuses = ("done", "failed")
    count = instruments.counter("orders_settled", "Orders by their last status.", "status", statuses)
    took = instruments.seconds(
        "order_accept_to_settled_seconds",
        "From accepting an order to its last status, queues and retries included.",
        "status",
        statuses,
        long=True,
    )

    async def measured(order: OrderReference, status: Final, reason: str | None) -> Settled:
        settled = await settle(order, status, reason)
        if settled.now:
            count(settled.status)
            accepted = datetime.fromisoformat(settled.accepted_at)
            took(max(0.0, (datetime.now(UTC) - accepted).total_seconds()), settled.status)
        return settled

    return measured


def count_swept(instruments: Instruments) -> Count:
    """Return the counter of orders that were open for too long."""
    return instruments.counter(
        "orders_swept",
        "Orders that were open for too long, by what was done.",
        "outcome",
        ("republished", "exhausted", "unknown"),
    )


def measure_charges(instruments: Instruments, charge: Charge) -> Charge:
    """Count each charge by what the provider said, and time it."""
    count = instruments.counter("payments", "Charges by outcome.", "outcome", PAYMENT_OUTCOMES)
    took = instruments.seconds(
        "payment_duration_seconds", "Duration of a charge.", "outcome", PAYMENT_OUTCOMES
    )

    async def measured(order: OrderCreatedData) -> None:
        began, outcome = perf_counter(), "error"
        try:
            await charge(order)
            outcome = "approved"
        except PaymentDeclinedError:
            outcome = "declined"
            raise
        except PaymentUnavailableError:
            outcome = "unavailable"
            raise
        finally:
            count(outcome)
            took(perf_counter() - began, outcome)

    return measured
