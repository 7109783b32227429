"""What the api tells the others: `order.created.v1`."""

from typing import Literal

from pydantic import BaseModel

ORDER_CREATED: Literal["order.created.v1"] = "order.created.v1"


class Customer(BaseModel):
    """Who ordered."""

    name: str
    email: str


class Item(BaseModel):
    """A product and how many of it."""

    sku: str
    quantity: int


class Total(BaseModel):
    """What is to be paid, in minor units."""

    amount: int
    currency: str


class Payment(BaseModel):
    """How it is to be paid."""

    token: str


class OrderCreatedData(BaseModel):
    """The order, as far as others need it."""

    order_id: str
    customer: Customer
    items: list[Item]
    total: Total
    payment: Payment


class OrderCreated(BaseModel):
    """An order was accepted."""

    id: str
    type: Literal["order.created.v1"] = ORDER_CREATED
    occurred_at: str
    """RFC 3339, UTC."""
    data: OrderCreatedData
