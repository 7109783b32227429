"""The event that the api publishes, `order.created.v1`, made of what was validated already."""

from dataclasses import dataclass
from typing import Literal

ORDER_CREATED: Literal["order.created.v1"] = "order.created.v1"


@dataclass
class Customer:
    """Who ordered."""

    name: str
    email: str


@dataclass
class Item:
    """A product and how many of it."""

    sku: str
    quantity: int


@dataclass
class Total:
    """What is to be paid, in minor units."""

    amount: int
    currency: str


@dataclass
class Payment:
    """How it is to be paid."""

    token: str


@dataclass
class OrderCreatedData:
    """The order, as far as others need it."""

    order_id: str
    customer: Customer
    items: list[Item]
    total: Total
    payment: Payment


@dataclass
class OrderCreated:
    """An order was accepted."""

    id: str
    type: Literal["order.created.v1"]
    occurred_at: str
    """RFC 3339, UTC."""
    data: OrderCreatedData
