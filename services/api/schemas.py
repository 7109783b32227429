"""What clients send and get over HTTP."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.api.addresses import EmailAddress

MAX_ITEMS = 50
MAX_QUANTITY = 100

Status = Literal["pending", "processing", "done", "failed"]
OrderId = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
# Printable, on one line: a name becomes part of an email.
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]+$")
]
# Neither control characters nor what turns the text after it around, and something that can be seen.
_HIDDEN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_BLANK = (
    r"\x20\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u202f\u205f-\u206f"
    r"\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
_READABLE = re.compile(rf"^[^{_HIDDEN}]*[^{_HIDDEN}{_BLANK}][^{_HIDDEN}]*$")


def _readable(name: str) -> str:
    if not _READABLE.fullmatch(name):
        raise PydanticCustomError(
            "value_error", "should be text that can be read, without control characters"
        )
    return name


NewName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(_readable),
    Field(json_schema_extra={"pattern": _READABLE.pattern}),
]
PaymentToken = Annotated[str, StringConstraints(pattern=r"^tok_[A-Za-z0-9_]{1,60}$")]

EXAMPLE: JsonDict = {
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "items": [{"sku": "espresso-beans", "quantity": 2}, {"sku": "moka-pot", "quantity": 1}],
    "payment": {"token": "tok_visa"},
}


class Input(BaseModel):
    """Takes what is declared and nothing else, without converting types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Customer(Input):
    """Who ordered, and where the confirmation goes."""

    name: Name
    email: EmailAddress


class NewCustomer(Customer):
    """Who orders: names are held to more than those of orders that were accepted long ago."""

    name: NewName


class Item(Input):
    """A product and how many of it."""

    sku: Sku
    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class PaymentMethod(Input):
    """A payment method as the provider's token: card numbers never come here.

    The simulated provider knows `tok_visa` (approved), `tok_declined` (declined), `tok_flaky` (unavailable
    once, then approved) and `tok_outage` (always unavailable); with any other token it approves most orders,
    declines some, and is sometimes unavailable.
    """

    token: PaymentToken


class NewOrder(Input):
    """An order to be placed."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    customer: NewCustomer
    items: Annotated[tuple[Item, ...], FailFast(), Field(min_length=1, max_length=MAX_ITEMS, strict=False)]
    payment: PaymentMethod


class Money(BaseModel):
    """An amount of money."""

    amount: int = Field(description="In minor units, for example cents.")
    currency: str = Field(description="ISO 4217 code.")


class OrderLine(BaseModel):
    """An item as it was priced."""

    sku: str
    name: str
    quantity: int
    unit_price: int = Field(description="In minor units.")


class StatusChange(BaseModel):
    """A status and when the order got it."""

    status: Status
    at: str = Field(description="RFC 3339 time, UTC.")
    reason: str | None = Field(default=None, description="Why an order failed, in one word.")


class OrderDocument(BaseModel):
    """What never changes about an order once it was accepted."""

    id: str
    created_at: str = Field(description="RFC 3339 time, UTC.")
    customer: Customer
    items: list[OrderLine]
    total: Money


class Order(OrderDocument):
    """An order and where it stands."""

    status: Status
    reason: str | None = Field(default=None, description="Why it failed, in one word.")


class OrderStatus(BaseModel):
    """Where an order stands and how it got there."""

    id: str
    status: Status
    reason: str | None = None
    history: list[StatusChange]


class OrderPage(BaseModel):
    """Some orders, the newest first."""

    items: list[Order]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last.")
