"""The stream of an order's events over HTTP."""

import asyncio
import gc
from typing import Any

import pytest
from starlette.types import Message

from services.api import follow
from services.api.schemas import OrderStatus, StatusChange
from services.common.http.server import http_server
from services.common.ids import uuid7
from tests.unit.api_app import app
from tests.unit.asgi import Answer, call, http_scope
from tests.unit.test_api_follow import Orders, deaf, listening
from tests.unit.wire import free_port

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


async def test_followers_too_many_are_asked_to_come_back() -> None:
    """503 with Retry-After, as a problem, also when all come at once; who went holds no place."""

    async def slow(order_id: str) -> OrderStatus:
        await asyncio.sleep(0.01)
        return await load_status(order_id)

    async def nothing_more() -> Message:
        return await asyncio.Event().wait() and {}

    async def gone(_: object) -> None:
        raise OSError("the client is gone")

    followers = deaf(limit=1)
    api = app(load_status=slow, followers=followers)
    scope = http_scope("GET", f"/v1/orders/{ORDER_ID}/events")
    with pytest.raises((OSError, ExceptionGroup)):
        await api(scope, nothing_more, gone)
    answers = await asyncio.gather(*(call(api, scope) for _ in range(3)))
    refused = [answer for answer in answers if answer.status == 503]
    assert [answer.header("retry-after") for answer in refused] == ["5", "5"]
    assert refused[0].json()["type"].endswith(":too-many-streams")
    assert not followers.full


async def test_cut_streams_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 clients vanish, in two rounds for 250 places: places, subscriptions, tasks and memory are back."""
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    kept, port = [], free_port()
    async with listening(limit=250) as (followers, redis):
        streams = app(load_status=Orders("pending").load, followers=followers)
        async with http_server(streams, host="127.0.0.1", port=port, keep_alive=10, shutdown_timeout=1):
            before = len(asyncio.all_tasks())
            for _ in range(2):
                await _cut(port, 250)
                async with asyncio.timeout(10):
                    while len(asyncio.all_tasks()) > before or redis.channels != {follow.KEEP}:  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0.01)
                gc.collect()
                kept.append(len(gc.get_objects()))
    assert kept[1] - kept[0] < 250


async def _cut(port: int, clients: int) -> None:
    """Open streams, each to its first event, and cut them all."""
    writers = []
    for _ in range(clients):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /v1/orders/{uuid7()}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"event: status")
        writers.append(writer)
    for writer in writers:
        writer.transport.abort()
