"""What users send: orders that end well or as they must, and input that the api must refuse."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

PRODUCTS = ("espresso-beans", "filter-papers", "moka-pot", "milk-frother", "grinder")
SETTLED_ENTRY, RETRIED_ENTRY = "accept to settled", "accept to settled, payment retried"
JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of order, by the token that decides about its payment."""

    token: str
    status: str
    """Its expected last status."""
    entry: str
    """The statistics entry that its duration belongs to: a retry waits for a second, on purpose."""


KINDS = {
    Kind("tok_visa", "done", SETTLED_ENTRY): 90,
    Kind("tok_declined", "failed", SETTLED_ENTRY): 8,
    Kind("tok_flaky", "done", RETRIED_ENTRY): 2,
}
"""How many in a hundred."""


def draw(rng: Random) -> tuple[Kind, dict[str, Any]]:
    """Return an order to place, its kind and its body: mostly one whose payment is accepted at once."""
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    items = [{"sku": sku, "quantity": rng.randint(1, 2)} for sku in rng.sample(PRODUCTS, rng.randint(1, 3))]
    customer = {"name": "Ada Lovelace", "email": "ada@example.com"}
    return kind, {"customer": customer, "items": items, "payment": {"token": kind.token}}


def changed(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an order that differs from this one."""
    return {**body, "customer": {"name": "Grace Hopper", "email": "grace@example.com"}}


@dataclass(frozen=True, slots=True)
class Invalid:
    """A request that the api must refuse, and the status that it must answer."""

    name: str
    status: int
    path: str = "/v1/orders"
    body: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON_HEADERS))


def _order(**changes: object) -> str:
    return json.dumps(draw(Random(0))[1] | changes)  # noqa: S311 - nothing secret


INVALID = (
    Invalid("no JSON", 400, body="{not json"),
    Invalid("another media type", 415, body="an order, please", headers={"Content-Type": "text/plain"}),
    Invalid("too large", 413, body=_order(padding="x" * 70_000)),
    Invalid("no items", 422, body=_order(items=[])),
    Invalid("quantity 0", 422, body=_order(items=[{"sku": "grinder", "quantity": 0}])),
    Invalid("unknown product", 422, body=_order(items=[{"sku": "tea", "quantity": 1}])),
    Invalid("unknown field", 422, body=_order(discount=100)),
    Invalid("malformed id", 422, path="/v1/orders/nonsense"),
    Invalid("unknown id", 404, path="/v1/orders/00000000-0000-7000-8000-000000000000"),
)
