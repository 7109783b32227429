"""The simulated provider: verdicts that never change, rates that hold, latencies that end."""

import statistics
from collections.abc import Sequence
from typing import Any

import pytest

from services.worker.handlers import PaymentDeclinedError, PaymentUnavailableError
from services.worker.payments import MAX_LATENCY_SECONDS, TEST_TOKENS, SimulatedPayments, Verdict, judge
from services.worker.settings import Settings
from tests.unit.fakes import Scripts
from tests.unit.test_worker_fulfil import EVENT

ORDER_IDS = [f"order-{number}" for number in range(5_000)]


@pytest.mark.parametrize(("token", "verdict"), TEST_TOKENS.items())
def test_test_tokens_decide(token: str, verdict: Verdict) -> None:
    """Whatever the rates are, these tokens get the verdict that their names say."""
    assert {judge(token, order_id, 0.5, 0.5) for order_id in ORDER_IDS[:100]} == {verdict}


def test_verdicts_never_change() -> None:
    """An order asked about again gets the same answer, in this process and in any other."""
    verdicts = [judge("tok_any", f"order-{number}", 0.5, 0.5) for number in (5, 7, 6, 5)]
    approved, declined = Verdict("approved", 1), Verdict("declined", 1)
    assert verdicts == [approved, Verdict("approved", 0), declined, approved]


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.3, 1.0])
def test_rates_are_honoured(rate: float) -> None:
    """Of many orders about the given share is declined, and about that share meets an outage."""
    verdicts = [judge("tok_any", order_id, rate, rate) for order_id in ORDER_IDS]
    declined = statistics.mean(verdict.state == "declined" for verdict in verdicts)
    outages = statistics.mean(verdict.outages for verdict in verdicts)
    assert declined == pytest.approx(rate, abs=0.02)
    assert outages == pytest.approx(rate, abs=0.02)


def provider(
    state: str, latency_ms: float = 60
) -> tuple[SimulatedPayments, list[tuple[str, Sequence[str], Sequence[Any]]], list[float]]:
    """Return a provider with a state of every payment, its calls of Redis, and how long it slept."""
    book, slept = Scripts({"charge": state, "void": state}), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    settings = Settings(payment_latency_ms=latency_ms, payment_decline_rate=0, payment_outage_rate=0)
    return SimulatedPayments(book, settings, sleep=sleep), book.calls, slept


@pytest.mark.parametrize("state", ["unavailable", "declined", "voided"])
async def test_what_is_not_approved_is_an_error(state: str) -> None:
    """An outage may pass; a decline, or a payment that was voided before, is for good."""
    payments, _, _ = provider(state)
    error = PaymentUnavailableError if state == "unavailable" else PaymentDeclinedError
    with pytest.raises(error, match=state):
        await payments.charge(EVENT.data)


async def test_a_charge_is_booked_by_its_order() -> None:
    """The order's id is the idempotency key, of the charge and of its voiding."""
    payments, calls, _ = provider("approved")
    await payments.charge(EVENT.data)
    await payments.void(EVENT.data.order_id)
    (charge, charged, arguments), (void, voided, _) = calls
    assert (charge, void) == ("charge", "void")
    assert charged == voided == [f"payment:{EVENT.data.order_id}"]
    assert arguments[:4] == ["approved", 0, 500, "EUR"]


async def test_latencies_are_those_of_a_network() -> None:
    """The median is the one asked for, some take several times as long, none takes for ever; 0 is none."""
    payments, _, slept = provider("approved", latency_ms=1000)
    for _ in range(2_000):
        await payments.charge(EVENT.data)
    assert statistics.median(slept) == pytest.approx(1.0, rel=0.15)
    assert 3 < statistics.quantiles(slept, n=100)[98] <= max(slept) == MAX_LATENCY_SECONDS
    payments, _, slept = provider("approved", latency_ms=0)
    await payments.charge(EVENT.data)
    assert slept == []
