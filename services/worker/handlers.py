"""The use cases: fulfilling an order, once, however often its message comes, and failing one."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog
from pydantic import ValidationError

from services.worker.messages import OrderCreated, OrderCreatedData, OrderReference, Unusable

log = structlog.get_logger(__name__)

Final = Literal["done", "failed"]
STUCK = "stuck"
"""The reason of an order that the sweeper fails."""
Charge = Callable[[OrderCreatedData], Awaitable[None]]
"""Takes an order's total; raises `PaymentDeclinedError` or `PaymentUnavailableError`."""
Reservation = Literal["reserved", "out_of_stock", "done", "failed"]
"""What became of an order's items; `done` and `failed` when the order was settled before."""


class UnknownOrderError(Exception):
    """A message is about an order that was never accepted."""


class DamagedOrderError(Exception):
    """What is stored of an order is not of its kind."""


class PaymentDeclinedError(Exception):
    """The provider declined the payment for good."""


class PaymentUnavailableError(Exception):
    """The provider did not answer, or not in time; the same charge may be tried again."""


class PaymentProvider(Protocol):
    """Takes payments. Both operations are idempotent by order: repeated, they answer as before."""

    async def charge(self, order: OrderCreatedData) -> None:
        """Take the order's total; raises `PaymentDeclinedError` or `PaymentUnavailableError`."""

    async def void(self, order_id: str) -> None:
        """Refund what was taken for an order, or prevent that anything will be."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How an order stands after settling it, and whether this call settled it."""

    status: Final
    now: bool
    accepted_at: str
    """RFC 3339 time."""


Settle = Callable[[OrderReference, Final, str | None], Awaitable[Settled]]


@dataclass(frozen=True, slots=True)
class Ports:
    """What fulfilling an order needs."""

    reserve: Callable[[OrderCreatedData], Awaitable[Reservation]]
    """Moves the order to `processing` and takes its items from the stock, all or none."""
    charge: Charge
    void_payment: Callable[[str], Awaitable[None]]
    settle: Settle
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
        # The process that failed the order may have died before it voided the payment.
        await ports.void_payment(order.order_id)
    if reservation in {"done", "failed"}:
        return "duplicate"
    status, reason = await _pay(order, ports) if reservation == "reserved" else ("failed", "out_of_stock")
    settled = await _settle(order, status, reason, ports)
    if settled.now:
        return status
    if settled.status == "failed" and status == "done":
        # The order was failed while its payment was taken: nothing may be kept for it.
        await ports.void_payment(order.order_id)
    return "duplicate"


async def _pay(order: OrderCreatedData, ports: Ports) -> tuple[Final, str | None]:
    try:
        await ports.charge(order)
    except PaymentDeclinedError:
        return "failed", "payment_declined"
    return "done", None


async def _settle(order: OrderReference, status: Final, reason: str | None, ports: Ports) -> Settled:
    settled = await ports.settle(order, status, reason)
    if settled.now:
        log.info("order settled", order_id=order.order_id, status=status, reason=reason)
    return settled


async def fail_order(order: OrderReference, reason: str, *, ports: Ports) -> None:
    """Fail an order whose message cannot be processed: no payment is kept, no stock held."""
    settled = await _settle(order, "failed", reason, ports)
    if settled.status == "failed":
        await ports.void_payment(order.order_id)


async def fail_unusable(body: bytes, reason: str, *, ports: Ports) -> None:
    """Fail the order of a message that is dead-lettered, unless none can be made out."""
    with suppress(ValidationError, UnknownOrderError, DamagedOrderError):
        await fail_order(Unusable.model_validate_json(body).data, reason, ports=ports)
