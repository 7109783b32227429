"""What the notifier reads: `order.done.v1` and `order.failed.v1`."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, StringConstraints

ORDER_DONE = "order.done.v1"
ORDER_FAILED = "order.failed.v1"
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
# On one line: it becomes part of a header.
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]+$")
]
# An encoded word (`=?…?=`) would be decoded on the way, and reach somebody else.
Address = Annotated[EmailStr, Field(pattern=r"^([^=]|=+[^=?])+$")]


class Read(BaseModel):
    """Keeps the fields that the notifier uses; others may come with any version 1 event."""

    model_config = ConfigDict(frozen=True, strict=True)


class Customer(Read):
    """Who gets the email."""

    name: Name
    email: Address


class OutcomeData(Read):
    """What became of which order."""

    order_id: Id
    customer: Customer
    reason: str | None = None


class OrderOutcome(Read):
    """An order was settled."""

    id: Id
    type: Literal["order.done.v1", "order.failed.v1"]
    occurred_at: AwareDatetime
    data: OutcomeData
