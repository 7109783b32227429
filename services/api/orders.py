"""The use cases: placing an order and reading it back."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from services.api.catalogue import CURRENCY, Product
from services.api.messages import OrderCreated, OrderCreatedData
from services.api.schemas import Money, NewOrder, OrderDocument, OrderLine

log = structlog.get_logger(__name__)


class OrderError(Exception):
    """An order cannot be placed or read."""


class UnknownProductError(OrderError):
    """An order names something that is not in the catalogue."""

    def __init__(self, position: int, sku: str) -> None:
        """Keep where in the order it stands."""
        super().__init__(f"there is no product {sku!r}")
        self.position = position


class IdempotencyConflictError(OrderError):
    """An `Idempotency-Key` was used before, for a different order."""


class OutboxFullError(OrderError):
    """Too many events wait for the broker: no order can be accepted now."""


class DamagedOrderError(OrderError):
    """What is stored of an order is not an order (any more)."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's key, and a fingerprint of its order."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted order: the new one, or the one that the same key was given for before."""

    order: OrderDocument
    replayed: bool


Accept = Callable[[OrderDocument, OrderCreated, Idempotency | None], Awaitable[Placed]]
"""Writes an order, its status, its idempotency key and its event in one atomic step; raises
`IdempotencyConflictError` or `OutboxFullError`."""
Place = Callable[[NewOrder, str | None], Awaitable[Placed]]
"""`place` with all that it needs: takes an order and its idempotency key."""


async def place(
    new: NewOrder,
    key: str | None,
    *,
    accept: Accept,
    catalogue: Mapping[str, Product],
    new_id: Callable[[], str],
) -> Placed:
    """Price an order and accept it: from here on it will be settled.

    Raises:
        UnknownProductError, IdempotencyConflictError, OutboxFullError: Nothing was accepted.
    """
    order = price(new, catalogue, new_id())
    placed = await accept(order, created(order, new, new_id()), idempotency(new, key))
    log.info("order accepted", order_id=placed.order.id, replayed=placed.replayed)
    return placed


def price(new: NewOrder, catalogue: Mapping[str, Product], order_id: str) -> OrderDocument:
    """Return the order with today's names and prices."""
    lines = [_line(position, item.sku, item.quantity, catalogue) for position, item in enumerate(new.items)]
    amount = sum(line.quantity * line.unit_price for line in lines)
    return OrderDocument(
        id=order_id,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        customer=new.customer,
        items=lines,
        total=Money(amount=amount, currency=CURRENCY),
    )


def _line(position: int, sku: str, quantity: int, catalogue: Mapping[str, Product]) -> OrderLine:
    product = catalogue.get(sku)
    if product is None:
        raise UnknownProductError(position, sku)
    return OrderLine(sku=sku, name=product.name, quantity=quantity, unit_price=product.unit_price)


def created(order: OrderDocument, new: NewOrder, event_id: str) -> OrderCreated:
    """Return the event of an accepted order."""
    data = OrderCreatedData(
        order_id=order.id, customer=new.customer, items=new.items, total=order.total, payment=new.payment
    )
    return OrderCreated(id=event_id, occurred_at=order.created_at, data=data)


def idempotency(new: NewOrder, key: str | None) -> Idempotency | None:
    """Return the key with a fingerprint of the order, which is the same however its JSON was laid out."""
    if key is None:
        return None
    return Idempotency(key, hashlib.sha256(new.model_dump_json().encode()).hexdigest())
