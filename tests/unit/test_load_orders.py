"""What users send, who they are, and what they are promised."""

from random import Random

import pytest

from loadtests.journey import Ledger, settled_after, source_address
from loadtests.orders import KINDS, PRODUCTS, changed, draw
from services.api.catalogue import CATALOGUE
from services.api.schemas import NewOrder
from services.worker.settings import STOCK
from tests.unit.load_samples import journey


def test_the_api_takes_every_order() -> None:
    """Products that exist, and of which there are enough for a million orders."""
    rng = Random(1)  # noqa: S311 - to be repeatable
    drawn = [draw(rng) for _ in range(500)]
    for _, body in drawn:
        NewOrder.model_validate(body)
        NewOrder.model_validate(changed(body))
        assert changed(body) != body
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert set(PRODUCTS) <= CATALOGUE.keys()
    assert min(STOCK[sku] for sku in PRODUCTS) == 1_000_000


def test_on_this_machine_each_user_has_an_address() -> None:
    """A user has a loopback address of its own; elsewhere, also behind a name, there is none to choose."""
    addresses = [source_address("http://127.0.0.1:8000", number) for number in range(1000)]
    assert len(set(addresses)) == 1000
    assert (addresses[0], addresses[255]) == ("127.1.0.1", "127.1.1.0")
    elsewhere = ("http://api:8000", "http://localhost:8000", "http://10.0.0.1", "http://[::1]")
    assert [source_address(host, 1) for host in elsewhere] == [None] * 4


def test_a_promise_is_kept_when_its_order_is_settled() -> None:
    """Sent twice it is one promise; a status that is not the last keeps nothing, the last one counts once.

    How long it took is by the services' clock; an order without an end took no time.
    """
    changes = [
        {"status": status, "at": f"2026-11-25T10:00:00.{ms}Z"}
        for status, ms in (("pending", "000"), ("processing", "050"), ("done", "123"))
    ]
    assert settled_after(changes) == pytest.approx(123)
    assert [settled_after(some) for some in ([], changes[:2])] == [None, None]
    ledger = Ledger()
    for order_id in ("a", "b", "a"):
        ledger.promise(order_id, journey(1))
    for status in ("processing", "", "done", "done"):
        ledger.settle("a", status)
    assert (ledger.promised, ledger.ends, list(ledger.open)) == (2, {"done": 1}, ["b"])
    ledger.settle("b", "failed")
    assert (ledger.ends, ledger.open) == ({"done": 1, "failed": 1}, {})
