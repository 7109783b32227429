"""The orders of a run, drawn from a seed: some are declined, sold out, or exhaust their retries."""

from dataclasses import dataclass
from random import Random
from typing import Any

from resilience.chaos.plan import chance

SCARCE = "lever-machine"
"""The product of which there are fewer units than are ordered."""
STOCK = {
    "espresso-beans": 1_000_000,
    "filter-papers": 1_000_000,
    "moka-pot": 1_000_000,
    "milk-frother": 1_000_000,
    "grinder": 1_000_000,
    SCARCE: 25,
}
"""Units at the start."""
PLENTIFUL = [sku for sku in STOCK if sku != SCARCE]
SCARCE_SHARE = 0.04
TOKENS = {"tok_visa": 78.0, "tok_flaky": 7.0, "tok_declined": 6.0, "": 8.0, "tok_outage": 1.0}
"""How many in a hundred pay with which token; the empty one stands for a random token."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that the client places."""

    key: str
    """The Idempotency-Key, the correlation id, and the part before the @ of the customer's address."""
    body: dict[str, Any]


def draw(seed: int, count: int) -> list[NewOrder]:
    """Return the orders of a seed.

    Orders whose payment never succeeds come in the first half, so that their retries (36 s) end under load.
    """
    return [
        _order(chance(seed, f"order {n}"), f"chaos-{seed}-{n}", early=2 * n < count) for n in range(count)
    ]


def address(key: str) -> str:
    """Return the customer's email address in the order with this key."""
    return f"{key}@example.com"


def _order(rng: Random, key: str, *, early: bool) -> NewOrder:
    shares = TOKENS if early else {**TOKENS, "tok_outage": 0.0}
    token = rng.choices(list(shares), list(shares.values()))[0] or f"tok_{rng.getrandbits(48):012x}"
    skus = rng.sample(PLENTIFUL, rng.randint(1, 3))
    items = [{"sku": sku, "quantity": rng.randint(1, 5)} for sku in skus]
    if rng.random() < SCARCE_SHARE:
        items.append({"sku": SCARCE, "quantity": rng.randint(1, 3)})
    customer = {"name": "Ada Lovelace", "email": address(key)}
    return NewOrder(key, {"customer": customer, "items": items, "payment": {"token": token}})
