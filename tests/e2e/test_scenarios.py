"""Scenarios on the running stack: for one request by its baggage, for all by an operator."""

from functools import partial

from tests.e2e.seen import Seen
from tests.e2e.senders import OPERATOR, Senders, order_of
from tests.servers import eventually


async def outcomes(seen: Seen, correlation_id: str, *expected: str) -> None:
    """Wait until the worker has processed deliveries of an order's event with these outcomes, and no more."""

    async def look() -> bool:
        lines = await seen.log_lines(correlation_id, "message processed")
        found = [x["outcome"] for x in lines if x["service"] == "worker" and "outcome" in x]
        return sorted(found) == list(expected)

    await eventually(look)


async def test_a_request_asks_for_a_fault_by_its_baggage(senders: Senders) -> None:
    """It travels across the broker with the request's trace; the order beside it notices nothing."""
    asking = {"X-Correlation-ID": "scenario-mine", "baggage": "scenario=duplicate-messages"}
    mine = await senders.place(headers=asking)
    await senders.place(headers={"X-Correlation-ID": "scenario-others"})
    await outcomes(senders.seen, "scenario-mine", "done", "duplicate")
    await outcomes(senders.seen, "scenario-others", "done")
    assert len(await senders.seen.emails(mine)) == 1


async def test_an_operator_switches_a_fault_for_all(senders: Senders) -> None:
    """Within a second of the answer, and off again as soon."""

    async def answers(status: int) -> bool:
        return (await senders.api.post("/v1/orders", json=order_of("tok_visa"))).status_code == status

    switched = await senders.api.put("/v1/scenarios/traffic-spike", headers=OPERATOR)
    try:
        assert switched.json()["on"] is True
        await eventually(partial(answers, 429), seconds=5)
    finally:  # a spike keeps no operator out
        assert (await senders.api.delete("/v1/scenarios", headers=OPERATOR)).status_code == 200
    await eventually(partial(answers, 202), seconds=5)
