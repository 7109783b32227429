"""What the notifier counts and times."""

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Instruments
from services.notifier.handlers import RecipientRefusedError
from services.notifier.messages import OrderOutcome
from services.notifier.metrics import count_emails, measure_notified
from tests.unit.test_notifier_notify import event

OUTCOMES = ("sent", "refused", "error")


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "sent"), (RecipientRefusedError(), "refused"), (TimeoutError(), "error")]
)
async def test_emails_are_counted_by_what_the_mail_server_said(error: Exception | None, outcome: str) -> None:
    """Each counts once, and an error passes."""
    registry = CollectorRegistry()

    async def send(_: OrderOutcome) -> None:
        if error is not None:
            raise error

    counted = count_emails(Instruments(registry, enabled=True), send)
    if error is None:
        await counted(event())
    else:
        with pytest.raises(type(error)):
            await counted(event())
    counts = {o: registry.get_sample_value("emails_total", {"outcome": o}) for o in OUTCOMES}
    assert counts == {**dict.fromkeys(OUTCOMES, 0), outcome: 1}


@pytest.mark.parametrize(("reason", "status"), [(None, "done"), ("out_of_stock", "failed")])
async def test_a_notification_is_timed_from_the_outcome_on(reason: str | None, status: str) -> None:
    """One that took 28 s is within the 30 s of the objective, one of 32 s is not."""
    registry = CollectorRegistry()

    async def notify(_: OrderOutcome) -> str:
        return "sent"

    measured = measure_notified(Instruments(registry, enabled=True), notify)
    for age in (28, 32):
        await measured(event(reason=reason, age=age))
    buckets = {
        le: registry.get_sample_value("notification_duration_seconds_bucket", {"status": status, "le": le})
        for le in ("10.0", "30.0", "+Inf")
    }
    assert buckets == {"10.0": 0, "30.0": 1, "+Inf": 2}


async def test_what_was_sent_before_has_no_time() -> None:
    """A duplicate that comes days later is no slow notification; its series exist all the same."""
    registry = CollectorRegistry()

    async def notify(_: OrderOutcome) -> str:
        return "duplicate"

    assert (
        await measure_notified(Instruments(registry, enabled=True), notify)(event(age=90_000)) == "duplicate"
    )
    assert registry.get_sample_value("notification_duration_seconds_count", {"status": "done"}) == 0
