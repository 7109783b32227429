"""The use case: fulfilling an order, once, however often and in whatever order its messages come."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from services.worker.messages import OrderCreated, OrderCreatedData, OrderReference

log = structlog.get_logger(__name__)

Final = Literal["done", "failed"]
DUPLICATE = "duplicate"
STUCK = "stuck"
"""The reason of an order that the sweeper fails."""


class UnknownOrderError(Exception):
    """A message tells of an order that was never accepted."""


class DamagedOrderError(Exception):
    """What is kept of an order is not of its kind."""


class PaymentDeclinedError(Exception):
    """The provider refused for good."""


class PaymentUnavailableError(Exception):
    """The provider did not answer, or not in time; the same charge may be tried again."""


Reservation = Literal["reserved", "out_of_stock", "done", "failed"]
"""What became of an order's items; `done` and `failed` when the order was settled before."""


class PaymentProvider(Protocol):
    """Takes payments. Both operations are idempotent by order: asked again, they answer as before."""

    async def charge(self, order: OrderCreatedData) -> None:
        """Take the order's total; raises `PaymentDeclinedError` or `PaymentUnavailableError`."""

    async def void(self, order_id: str) -> None:
        """Give back what was taken for an order, or see to it that nothing will be."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How an order stands after settling it, and whether it was this time that it was settled."""

    status: Final
    now: bool
    accepted_at: str
    """RFC 3339 time."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What fulfilling an order needs."""

    reserve: Callable[[OrderCreatedData], Awaitable[Reservation]]
    """Moves the order to `processing` and takes its items from the stock, all or none."""
    charge: Callable[[OrderCreatedData], Awaitable[None]]
    void: Callable[[str], Awaitable[None]]
    settle: Callable[[OrderReference, Final, str | None], Awaitable[Settled]]
    """Moves the order to its last status and puts the outcome into the outbox, in one step; on `failed` the
    stock gets its items back."""


async def fulfil(event: OrderCreated, *, ports: Ports) -> str:
    """Bring an order to its end and return it in one word: `done`, `failed` or `duplicate`.

    Raises:
        UnknownOrderError, DamagedOrderError: No retry can help.
        PaymentUnavailableError: Try again later.
    """
    order = event.data
    reservation = await ports.reserve(order)
    if reservation == "failed":
        # Whoever failed it may have died before the payment was given back.
        await ports.void(order.order_id)
    if reservation in {"done", "failed"}:
        return DUPLICATE
    if reservation == "out_of_stock":
        return await _settle(order, "failed", "out_of_stock", ports)
    try:
        await ports.charge(order)
    except PaymentDeclinedError:
        return await _settle(order, "failed", "payment_declined", ports)
    return await _settle(order, "done", None, ports)


async def abandon(order: OrderReference, reason: str, *, ports: Ports) -> None:
    """Fail an order whose message cannot be processed: no payment is kept, no stock held."""
    settled = await ports.settle(order, "failed", reason)
    if settled.status == "failed":
        await ports.void(order.order_id)
    if settled.now:
        log.info("order settled", order_id=order.order_id, status="failed", reason=reason)


async def _settle(order: OrderCreatedData, status: Final, reason: str | None, ports: Ports) -> str:
    settled = await ports.settle(order, status, reason)
    if not settled.now:
        if settled.status == "failed" and status == "done":
            # Somebody gave the order up while it was being paid: nothing may be kept for it.
            await ports.void(order.order_id)
        return DUPLICATE
    log.info("order settled", order_id=order.order_id, status=status, reason=reason)
    return status
