"""Placing an order: prices, the event, and what makes a request the same as one before."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.catalogue import Product
from services.api.messages import OrderCreated
from services.api.orders import Idempotency, Placed, UnknownProductError, idempotency, place, price
from services.api.schemas import EXAMPLE, NewOrder, OrderDocument

CATALOGUE = {"cup": Product("Cup", 500), "pot": Product("Pot", 3_495)}


def new_order(*items: tuple[str, int]) -> NewOrder:
    """Return an order of products and quantities."""
    chosen = [{"sku": sku, "quantity": quantity} for sku, quantity in items]
    return NewOrder.model_validate({**EXAMPLE, "items": chosen})


@dataclass
class Shop:
    """Places orders with ids that count up, and stands for the store, which may know the key."""

    known: OrderDocument | None = None
    calls: list[tuple[OrderDocument, OrderCreated, Idempotency | None]] = field(default_factory=list)

    async def place(self, *items: tuple[str, int], key: str | None = None) -> Placed:
        """Place an order."""
        ids = iter(["order-1", "event-1"])
        return await place(
            new_order(*items), key, accept=self.accept, catalogue=CATALOGUE, new_id=lambda: next(ids)
        )

    async def accept(self, order: OrderDocument, event: OrderCreated, key: Idempotency | None) -> Placed:
        """See `Accept`."""
        self.calls.append((order, event, key))
        return Placed(self.known or order, self.known is not None)


async def test_an_order_is_priced_by_the_catalogue() -> None:
    """Names and prices are the catalogue's, the total is their sum."""
    order = (await Shop().place(("cup", 3), ("pot", 1), ("cup", 1))).order
    assert [(line.name, line.quantity, line.unit_price) for line in order.items] == [
        ("Cup", 3, 500),
        ("Pot", 1, 3_495),
        ("Cup", 1, 500),
    ]
    assert order.total.model_dump() == {"amount": 5_495, "currency": "EUR"}


async def test_the_event_says_what_was_accepted() -> None:
    """Order and event are accepted together, each with its own id and the same time; no key is made up."""
    shop = Shop()
    await shop.place(("pot", 2))
    [(order, event, key)] = shop.calls
    assert (order.id, event.id, event.data.order_id) == ("order-1", "event-1", "order-1")
    assert event.occurred_at == order.created_at
    assert event.data.total.amount == order.total.amount == 6_990
    assert (event.data.payment.token, key) == ("tok_visa", None)


async def test_unknown_products_are_refused_before_anything_is_written() -> None:
    """The error names the first unknown product and where it stands."""
    shop = Shop()
    with pytest.raises(UnknownProductError, match="no product 'lid'") as caught:
        await shop.place(("cup", 1), ("lid", 1))
    assert (caught.value.position, shop.calls) == (1, [])


async def test_a_repeated_key_answers_with_the_first_order() -> None:
    """What the store knows under the key is returned, not what was sent now."""
    first = price(new_order(("cup", 1)), CATALOGUE, "order-0")
    again = await Shop(first).place(("cup", 1), key="k")
    assert (again.order, again.replayed) == (first, True)


@given(st.randoms(use_true_random=False), st.sampled_from([None, 2, "\t"]))
def test_the_layout_of_the_json_makes_no_other_order(shuffler: Any, indent: Any) -> None:  # noqa: ANN401 - hypothesis's
    """Order of fields and white space do not change the fingerprint."""
    original = NewOrder.model_validate(EXAMPLE)
    layout = json.dumps(_shuffled(EXAMPLE, shuffler), indent=indent)
    assert idempotency(NewOrder.model_validate_json(layout), "k") == idempotency(original, "k")


@pytest.mark.parametrize(
    "change",
    [
        {"customer": {"name": "Ada Lovelace", "email": "ada@example.org"}},
        {"items": [{"sku": "moka-pot", "quantity": 1}, {"sku": "espresso-beans", "quantity": 2}]},
        {"payment": {"token": "tok_declined"}},
    ],
)
def test_another_order_has_another_fingerprint(change: dict[str, object]) -> None:
    """Whatever differs, the payment included, makes it a different order."""
    one, other = (idempotency(NewOrder.model_validate({**EXAMPLE, **more}), "k") for more in ({}, change))
    assert one is not None
    assert other is not None
    assert one.fingerprint != other.fingerprint


def _shuffled(part: Any, shuffler: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(part, dict):
        return part
    names = list(part)
    shuffler.shuffle(names)
    return {name: _shuffled(part[name], shuffler) for name in names}
