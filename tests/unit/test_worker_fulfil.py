"""Fulfilling and failing an order: every way it can go, and what is done on the way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest

from services.worker.handlers import (
    Final,
    PaymentDeclinedError,
    PaymentUnavailableError,
    Ports,
    Reservation,
    Settled,
    UnknownOrderError,
    fail_order,
    fulfil,
)
from services.worker.messages import OrderCreated, OrderCreatedData, OrderReference

DECLINED = PaymentDeclinedError()
ORDER_ID = "019ab2f0-5c1e-7d3a-9f00-6b1f2c3d4e5f"
EVENT = OrderCreated.model_validate_json(
    """{"id": "e", "type": "order.created.v1", "occurred_at": "2026-11-23T09:30:00Z", "data": {
        "order_id": "019ab2f0-5c1e-7d3a-9f00-6b1f2c3d4e5f", "customer": {"name": "Ada"},
        "items": [{"sku": "cup", "quantity": 1}], "total": {"amount": 500, "currency": "EUR"},
        "payment": {"token": "tok_visa"}}}"""
)


@dataclass
class World:
    """Stands for stock, provider and store; `steps` is what was done, in order."""

    reservation: Reservation = "reserved"
    refusal: Exception | None = None
    unknown: bool = False
    stands: Final | None = None
    """How the order was settled by somebody else meanwhile."""
    steps: list[str] = field(default_factory=list)

    async def reserve(self, _: OrderCreatedData) -> Reservation:
        self.steps.append("reserve")
        if self.unknown:
            raise UnknownOrderError
        return self.reservation

    async def charge(self, _: OrderCreatedData) -> None:
        self.steps.append("charge")
        if self.refusal is not None:
            raise self.refusal

    async def void(self, order_id: str) -> None:
        assert order_id == ORDER_ID
        self.steps.append("void")

    async def settle(self, order: OrderReference, status: Final, reason: str | None) -> Settled:
        assert order.order_id == ORDER_ID
        self.steps.append(f"settle {status} {reason}")
        if self.unknown:
            raise UnknownOrderError
        return Settled(self.stands or status, self.stands is None, datetime.now(UTC).isoformat())

    def ports(self) -> Ports:
        """Return the ports to this world."""
        return Ports(self.reserve, self.charge, self.void, self.settle)


@pytest.mark.parametrize(
    ("world", "outcome", "steps"),
    [
        (World(), "done", ["reserve", "charge", "settle done None"]),
        (World("done"), "duplicate", ["reserve"]),
        (World("failed"), "duplicate", ["reserve", "void"]),
        (World("out_of_stock"), "failed", ["reserve", "settle failed out_of_stock"]),
        (World(refusal=DECLINED), "failed", ["reserve", "charge", "settle failed payment_declined"]),
        (World(stands="done"), "duplicate", ["reserve", "charge", "settle done None"]),
        (World(stands="failed"), "duplicate", ["reserve", "charge", "settle done None", "void"]),
        (
            World(refusal=DECLINED, stands="failed"),
            "duplicate",
            ["reserve", "charge", "settle failed payment_declined"],
        ),
    ],
)
async def test_an_order_comes_to_its_end(world: World, outcome: str, steps: list[str]) -> None:
    """Each way takes exactly the steps that it needs, in this order."""
    assert await fulfil(EVENT, ports=world.ports()) == outcome
    assert world.steps == steps


@pytest.mark.parametrize("error", [PaymentUnavailableError(), ConnectionError(), TimeoutError()])
async def test_an_outage_leaves_the_order_as_it_is(error: Exception) -> None:
    """The error passes, so that the message is tried again; nothing is settled, the stock stays reserved."""
    world = World(refusal=error)
    with pytest.raises(type(error)):
        await fulfil(EVENT, ports=world.ports())
    assert world.steps == ["reserve", "charge"]


@pytest.mark.parametrize(
    ("stands", "steps"),
    [
        (None, ["settle failed schema_violation", "void"]),
        ("failed", ["settle failed schema_violation", "void"]),
        ("done", ["settle failed schema_violation"]),
    ],
)
async def test_a_failed_order_keeps_no_payment(stands: Final | None, steps: list[str]) -> None:
    """It is failed first and voided then, again after a crash in between, but never once it is done."""
    world = World(stands=stands)
    await fail_order(EVENT.data, "schema_violation", ports=world.ports())
    assert world.steps == steps


@pytest.mark.parametrize(
    ("use_case", "steps"),
    [
        (partial(fulfil, EVENT), ["reserve"]),
        (partial(fail_order, EVENT.data, "schema_violation"), ["settle failed schema_violation"]),
    ],
)
async def test_an_order_that_was_never_accepted_is_an_error(
    use_case: Callable[..., Awaitable[object]], steps: list[str]
) -> None:
    """No retry can help, and no payment is taken or voided."""
    world = World(unknown=True)
    with pytest.raises(UnknownOrderError):
        await use_case(ports=world.ports())
    assert world.steps == steps
