"""The stream of an order's events over HTTP."""

from typing import Any

import pytest

from services.api.schemas import OrderStatus, StatusChange
from services.common.ids import uuid7
from tests.unit.api_app import app
from tests.unit.asgi import Answer, call, http_scope

ORDER_ID = uuid7()


async def load_status(order_id: str) -> OrderStatus:
    """Return a failed order."""
    statuses: Any = ["pending", "processing", "failed"]
    history = [StatusChange(status=status, at="2026-11-23T09:30:00Z") for status in statuses]
    history[-1].reason = "out_of_stock"
    return OrderStatus(id=order_id, status="failed", reason="out_of_stock", history=history)


async def streamed(**headers: str) -> Answer:
    """Return the stream's answer; `last_event_id` is the header `last-event-id`."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    scope = http_scope("GET", f"/v1/orders/{ORDER_ID}/events", named)
    return await call(app(load_status=load_status), scope)


async def test_each_change_is_an_event_with_its_number() -> None:
    """`status` events with ids, and an end once the order is settled."""
    answer = await streamed()
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    events = answer.body.decode().strip().split("\n\n")
    assert len(events) == 3
    assert events[2].splitlines() == [
        "event: status",
        'data: {"status": "failed", "at": "2026-11-23T09:30:00Z", "reason": "out_of_stock"}',
        "id: 3",
    ]


async def test_a_client_resumes_after_the_last_event_that_it_saw() -> None:
    """As browsers do, with `Last-Event-ID`."""
    answer = await streamed(last_event_id="2")
    assert answer.body.count(b"event: status") == 1


@pytest.mark.parametrize("number", ["-1", "11", "x", ""])
async def test_an_event_id_that_never_was_is_refused(number: str) -> None:
    """422, before anything is streamed."""
    assert (await streamed(last_event_id=number)).status == 422


async def test_one_follower_too_many_is_asked_to_come_back() -> None:
    """503 with Retry-After, as a problem."""

    class Full:
        full = True

    answer = await call(
        app(load_status=load_status, followers=Full()), http_scope("GET", f"/v1/orders/{ORDER_ID}/events")
    )
    assert (answer.status, answer.header("retry-after")) == (503, "5")
    assert answer.json()["type"].endswith(":too-many-streams")
