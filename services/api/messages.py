"""The event that the api publishes, `order.created.v1`: its parts are what the client sent, and the price."""

from typing import Literal

from pydantic import BaseModel

from services.api.schemas import Customer, Item, Money, PaymentMethod


class OrderCreatedData(BaseModel):
    """The order, as far as others need it."""

    order_id: str
    customer: Customer
    items: tuple[Item, ...]
    total: Money
    payment: PaymentMethod


class OrderCreated(BaseModel):
    """An order was accepted."""

    id: str
    type: Literal["order.created.v1"] = "order.created.v1"
    occurred_at: str
    """RFC 3339, UTC."""
    data: OrderCreatedData
