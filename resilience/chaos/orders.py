"""The orders of a run: drawn from a seed, mostly ordinary, some that end otherwise."""

from dataclasses import dataclass
from random import Random
from typing import Any

from resilience.chaos.chance import chance

SCARCE = "lever-machine"
STOCK = {
    "espresso-beans": 1_000_000,
    "filter-papers": 1_000_000,
    "moka-pot": 1_000_000,
    "milk-frother": 1_000_000,
    "grinder": 1_000_000,
    SCARCE: 25,
}
"""Units at the start; of the scarce one fewer than are ordered."""
PLENTIFUL = [sku for sku in STOCK if sku != SCARCE]
SCARCE_SHARE = 0.04
TOKENS = {"tok_visa": 78.0, "tok_flaky": 7.0, "tok_declined": 6.0, "": 8.0, "tok_outage": 1.0}
"""How many in a hundred pay with which token; none stands for a random one."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that a client wants to place, until it is accepted."""

    key: str
    """Its Idempotency-Key, its correlation id, and the name before the @ of its customer's address."""
    body: dict[str, Any]


def draw(seed: int, count: int) -> list[NewOrder]:
    """Return the orders of a seed.

    Those whose payment never gets through come in the first half: their retries take 36 s, under load then.
    """
    return [
        _order(chance(seed, f"order {n}"), f"chaos-{seed}-{n}", early=2 * n < count) for n in range(count)
    ]


def address(key: str) -> str:
    """Return the address of the customer of an order that is placed with this key."""
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
