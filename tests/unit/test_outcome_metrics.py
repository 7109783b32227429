"""What the worker and the notifier count and time."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Instruments
from services.notifier.handlers import RecipientRefusedError
from services.notifier.metrics import count_emails, measure_notified
from services.worker.handlers import PaymentDeclinedError, PaymentUnavailableError, Settled
from services.worker.metrics import measure_charges, measure_settled
from tests.unit.test_notifier_notify import event
from tests.unit.test_worker_fulfil import EVENT

Measure = Callable[[Instruments, Any], Callable[[Any], Awaitable[None]]]
CHARGES = (measure_charges, "payments_total", ("approved", "declined", "unavailable", "error"))
EMAILS = (count_emails, "emails_total", ("sent", "refused", "error"))


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry without metrics."""
    return CollectorRegistry()


def returning(result: object, error: Exception | None = None) -> Any:  # noqa: ANN401 - any port
    """Return a port that returns a result or raises an error."""

    async def port(*_: object) -> object:
        if error is not None:
            raise error
        return result

    return port


@pytest.mark.parametrize(
    ("metric", "error", "outcome"),
    [
        (CHARGES, None, "approved"),
        (CHARGES, PaymentDeclinedError(), "declined"),
        (CHARGES, PaymentUnavailableError(), "unavailable"),
        (CHARGES, ZeroDivisionError(), "error"),
        (EMAILS, None, "sent"),
        (EMAILS, RecipientRefusedError(), "refused"),
        (EMAILS, TimeoutError(), "error"),
    ],
)
async def test_calls_are_counted_by_their_outcome(
    registry: CollectorRegistry,
    metric: tuple[Measure, str, tuple[str, ...]],
    error: Exception | None,
    outcome: str,
) -> None:
    """Each counts once, and its error passes."""
    measure, name, outcomes = metric
    measured = measure(Instruments(registry, enabled=True), returning(None, error))
    with pytest.raises(type(error)) if error else nullcontext():
        await measured(EVENT.data)
    counts = {each: registry.get_sample_value(name, {"outcome": each}) for each in outcomes}
    assert counts == {**dict.fromkeys(outcomes, 0), outcome: 1}
    took = registry.get_sample_value("payment_duration_seconds_count", {"outcome": outcome})
    assert took == (1 if metric is CHARGES else None)


@pytest.mark.parametrize("now", [True, False])
async def test_an_order_counts_when_it_is_settled(registry: CollectorRegistry, *, now: bool) -> None:
    """It counts under its last status with the time since it was accepted; a duplicate does not count."""
    accepted = (datetime.now(UTC) - timedelta(seconds=40)).isoformat()
    settle = measure_settled(Instruments(registry, enabled=True), returning(Settled("done", now, accepted)))
    await settle(EVENT.data, "done", None)
    took = registry.get_sample_value("order_accept_to_settled_seconds_sum", {"status": "done"})
    assert registry.get_sample_value("orders_settled_total", {"status": "done"}) == int(now)
    assert took == pytest.approx(40 * now, abs=5)


@pytest.mark.parametrize(
    ("outcome", "reason", "status", "counted"),
    [
        ("sent", None, "done", [0, 1, 2]),
        ("sent", "out_of_stock", "failed", [0, 1, 2]),
        ("duplicate", None, "done", [0, 0, 0]),
    ],
)
async def test_a_notification_is_timed_from_the_outcome_on(
    registry: CollectorRegistry, outcome: str, reason: str | None, status: str, counted: list[int]
) -> None:
    """One that took 28 s is within the 30 s of the objective, one of 32 s is not; a duplicate has no time."""
    measured = measure_notified(Instruments(registry, enabled=True), returning(outcome))
    for age in (28, 32):
        assert await measured(event(reason=reason, age=age)) == outcome
    name = "notification_duration_seconds_bucket"
    buckets = [
        registry.get_sample_value(name, {"status": status, "le": le}) for le in ("10.0", "30.0", "+Inf")
    ]
    assert buckets == counted
