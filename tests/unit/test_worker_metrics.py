"""What the worker counts."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Instruments
from services.worker.handlers import (
    Final,
    PaymentDeclinedError,
    PaymentUnavailableError,
    Settled,
)
from services.worker.messages import OrderCreatedData, OrderReference
from services.worker.metrics import measure_charges, measure_settled
from tests.unit.test_worker_fulfil import EVENT


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "approved"),
        (PaymentDeclinedError(), "declined"),
        (PaymentUnavailableError(), "unavailable"),
        (ZeroDivisionError(), "error"),
    ],
)
async def test_charges_are_counted_by_what_the_provider_said(error: Exception | None, outcome: str) -> None:
    """Each charge counts once, and its error passes."""
    registry = CollectorRegistry()

    async def charge(_: OrderCreatedData) -> None:
        if error is not None:
            raise error

    measured = measure_charges(Instruments(registry, enabled=True), charge)
    if error is None:
        await measured(EVENT.data)
    else:
        with pytest.raises(type(error)):
            await measured(EVENT.data)
    counts = {o: registry.get_sample_value("payments_total", {"outcome": o}) for o in OUTCOMES}
    assert counts == {**dict.fromkeys(OUTCOMES, 0), outcome: 1}
    assert registry.get_sample_value("payment_duration_seconds_count", {"outcome": outcome}) == 1


OUTCOMES = ("approved", "declined", "unavailable", "error")


@pytest.mark.parametrize("now", [True, False])
async def test_an_order_counts_when_it_is_settled(*, now: bool) -> None:
    """It counts under its last status with the time since it was accepted; a duplicate does not count."""
    registry = CollectorRegistry()
    accepted = (datetime.now(UTC) - timedelta(seconds=40)).isoformat()

    async def settle(_: OrderReference, status: Final, __: str | None) -> Settled:
        return Settled(status, now, accepted)

    await measure_settled(Instruments(registry, enabled=True), settle)(EVENT.data, "done", None)
    took = registry.get_sample_value("order_accept_to_settled_seconds_sum", {"status": "done"})
    assert registry.get_sample_value("orders_settled_total", {"status": "done"}) == int(now)
    assert took == pytest.approx(40 * now, abs=5)
