"""What the worker reads (`order.created.v1`) and publishes (`order.done.v1`, `order.failed.v1`)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

ORDER_CREATED = "order.created.v1"
OrderId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


class Read(BaseModel):
    """Keeps the fields that the worker uses; others may come with any version 1 event."""

    model_config = ConfigDict(frozen=True, strict=True)


class Item(Read):
    """A product and how many of it."""

    sku: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class Total(Read):
    """What is to be paid, in minor units."""

    amount: Annotated[int, Field(ge=0)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Payment(Read):
    """How it is to be paid."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class OrderReference(Read):
    """Which order, and for which customer: all that is needed to settle one."""

    order_id: OrderId
    customer: dict[str, JsonValue] = {}
    """Copied to the outcome, never read; without one, nobody can be informed."""


class OrderCreatedData(OrderReference):
    """The order, as far as fulfilling it goes."""

    customer: dict[str, JsonValue]
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=1000)]
    total: Total
    payment: Payment


class OrderCreated(Read):
    """An order was accepted and waits to be fulfilled."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    type: Literal["order.created.v1"]
    occurred_at: datetime
    data: OrderCreatedData


class Unusable(BaseModel):
    """As much of an unusable message as it takes to fail its order."""

    data: OrderReference


class Document(BaseModel):
    """As much of an accepted order, as it is stored, as it takes to inform its customer."""

    customer: dict[str, JsonValue] = {}


class OutcomeData(BaseModel):
    """What became of an order."""

    order_id: str
    customer: dict[str, JsonValue]
    reason: str | None = None
    """Why it failed, in one word; absent when it is done."""


class OrderOutcome(BaseModel):
    """An order was settled."""

    id: str
    type: Literal["order.done.v1", "order.failed.v1"]
    occurred_at: str
    """RFC 3339, UTC."""
    data: OutcomeData
