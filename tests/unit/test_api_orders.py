"""Placing an order: prices, the event, and what tells a repeated request from another one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.catalogue import Product
from services.api.messages import OrderCreated
from services.api.orders import Accept, Idempotency, Placed, UnknownProductError, idempotency, place, price
from services.api.schemas import EXAMPLE, NewOrder, OrderDocument

CATALOGUE = {"cup": Product("Cup", 500), "pot": Product("Pot", 3_495)}


def new_order(*items: tuple[str, int]) -> NewOrder:
    """Return an order of products and quantities."""
    chosen = [{"sku": sku, "quantity": quantity} for sku, quantity in items]
    return NewOrder.model_validate({**EXAMPLE, "items": chosen})


class Accepted:
    """Stands for the store: remembers what was accepted, or answers as if it knew the key."""

    def __init__(self, known: OrderDocument | None = None) -> None:
        """Start with the order that the key was used for before, if any."""
        self.known = known
        self.calls: list[tuple[OrderDocument, OrderCreated, Idempotency | None]] = []

    async def __call__(self, order: OrderDocument, event: OrderCreated, key: Idempotency | None) -> Placed:
        """See `Accept`."""
        self.calls.append((order, event, key))
        return Placed(self.known or order, self.known is not None)


async def placed(new: NewOrder, accept: Accept, key: str | None = None) -> Placed:
    """Place an order with ids that count up."""
    ids = iter(["order-1", "event-1"])
    return await place(new, key, accept=accept, catalogue=CATALOGUE, new_id=lambda: next(ids))


async def test_an_order_is_priced_by_the_catalogue() -> None:
    """Names and prices are the catalogue's, the total is their sum."""
    order = (await placed(new_order(("cup", 3), ("pot", 1), ("cup", 1)), Accepted())).order
    assert [(line.name, line.quantity, line.unit_price) for line in order.items] == [
        ("Cup", 3, 500),
        ("Pot", 1, 3_495),
        ("Cup", 1, 500),
    ]
    assert order.total.model_dump() == {"amount": 5_495, "currency": "EUR"}


async def test_the_event_tells_what_was_accepted() -> None:
    """Order and event are accepted together, each with its own id and the same time."""
    accept = Accepted()
    await placed(new_order(("pot", 2)), accept)
    [(order, event, _)] = accept.calls
    assert (order.id, event.id, event.data.order_id) == ("order-1", "event-1", "order-1")
    assert event.occurred_at == order.created_at
    assert event.data.total.amount == order.total.amount == 6_990
    assert event.data.payment.token == "tok_visa"


async def test_unknown_products_are_refused_before_anything_is_written() -> None:
    """The error names the first unknown product and where it stands."""
    accept = Accepted()
    with pytest.raises(UnknownProductError, match="no product 'lid'") as caught:
        await placed(new_order(("cup", 1), ("lid", 1)), accept)
    assert caught.value.position == 1
    assert accept.calls == []


async def test_a_repeated_key_answers_with_the_first_order() -> None:
    """What the store knows under the key is returned, not what was sent now."""
    first = price(new_order(("cup", 1)), CATALOGUE, "order-0")
    again = await placed(new_order(("cup", 1)), Accepted(known=first), key="k")
    assert (again.order, again.replayed) == (first, True)


async def test_no_key_means_no_idempotency() -> None:
    """Without a key nothing is remembered."""
    accept = Accepted()
    await placed(new_order(("cup", 1)), accept)
    assert accept.calls[0][2] is None


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
