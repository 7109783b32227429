"""What users send: orders that end well, or as they must, and input that the api must refuse."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

PRODUCTS = ("espresso-beans", "filter-papers", "moka-pot", "milk-frother", "grinder")
PLAIN, RETRIED = "accept to settled", "accept to settled, payment retried"
MEDIA_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of order, by the token that decides about its payment."""

    token: str
    status: str
    """How it must end."""
    entry: str
    """Under which name its time counts: a retry waits for a second, on purpose."""


KINDS = {
    Kind("tok_visa", "done", PLAIN): 90,
    Kind("tok_declined", "failed", PLAIN): 8,
    Kind("tok_flaky", "done", RETRIED): 2,
}
"""How many in a hundred."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order to place."""

    kind: Kind
    body: dict[str, Any]


def draw(rng: Random) -> Order:
    """Return an order: mostly one that is paid at once."""
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    items = [{"sku": sku, "quantity": rng.randint(1, 2)} for sku in rng.sample(PRODUCTS, rng.randint(1, 3))]
    customer = {"name": "Ada Lovelace", "email": "ada@example.com"}
    return Order(kind, {"customer": customer, "items": items, "payment": {"token": kind.token}})


def another(order: Order) -> dict[str, Any]:
    """Return the body of an order that differs."""
    return {**order.body, "customer": {"name": "Grace Hopper", "email": "grace@example.com"}}


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that the api must refuse, and with which status."""

    name: str
    status: int
    path: str = "/v1/orders"
    data: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def _order(**changes: object) -> str:
    return json.dumps(draw(Random(0)).body | changes)  # noqa: S311 - nothing secret


NONE, UNKNOWN = [{"sku": "grinder", "quantity": 0}], [{"sku": "tea", "quantity": 1}]
MISTAKES = (
    Mistake("no JSON", 400, data="{not json", headers=MEDIA_TYPE),
    Mistake("another media type", 415, data="an order, please", headers={"Content-Type": "text/plain"}),
    Mistake("too large", 413, data=_order(padding="x" * 70_000), headers=MEDIA_TYPE),
    Mistake("no items", 422, data=_order(items=[]), headers=MEDIA_TYPE),
    Mistake("none of a product", 422, data=_order(items=NONE), headers=MEDIA_TYPE),
    Mistake("unknown product", 422, data=_order(items=UNKNOWN), headers=MEDIA_TYPE),
    Mistake("unknown field", 422, data=_order(discount=100), headers=MEDIA_TYPE),
    Mistake("no id", 422, path="/v1/orders/nonsense"),
    Mistake("nobody's id", 404, path="/v1/orders/00000000-0000-7000-8000-000000000000"),
)
