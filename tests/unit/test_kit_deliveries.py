"""Deliveries as aiormq hands them over, and their acknowledgement."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pamqp.commands import Basic
from pamqp.frame import unmarshal

from services.kit.broker import BROKER_ERRORS
from services.kit.deliveries import Acknowledger, delivery_of, tag_of, whole
from services.kit.messages import Delivery
from tests.unit.fakes import FIRST_PUBLISHED_AT, Incoming, delivery

HEADERS = {"x-attempt": 2, "x-first-published-at": FIRST_PUBLISHED_AT}
DEADLINE_SECONDS = 5.0


@dataclass
class Underlay:
    """Stands for aiormq's channel: a number, and where its frames are put."""

    number: int = 3
    is_closed: bool = False
    write_queue: "asyncio.Queue[Any]" = field(default_factory=lambda: asyncio.Queue(1))

    async def written(self) -> list[int]:
        """Return the delivery tags that the next write acknowledges."""
        payload, tags = (await asyncio.wait_for(self.write_queue.get(), DEADLINE_SECONDS)).payload, []
        frame: Any
        while payload:
            size, channel, frame = unmarshal(payload)
            assert (channel, type(frame), frame.multiple) == (self.number, Basic.Ack, False)
            tags.append(frame.delivery_tag)
            payload = payload[size:]
        return tags


@pytest.mark.parametrize("odd", [None, "2", 0, -1, 1.5, True])
def test_odd_counts_and_times_are_none(odd: object) -> None:
    """A delivery whose headers are a stranger's is a first attempt of an unknown time."""
    stranger = delivery(x_attempt=odd, x_first_published_at="yesterday")
    assert (stranger.attempt, stranger.first_published_at) == (1, None)


def test_a_delivery_is_free_of_the_amqp_library() -> None:
    """Everything that processing needs is copied."""
    message = Incoming(headers=HEADERS, redelivered=True).delivered()
    received = delivery_of(message, "q")
    assert received == Delivery(
        queue="q",
        exchange="orders",
        routing_key="order.created.v1",
        body=b"{}",
        message_id=Incoming.message_id,
        correlation_id="checkout-42",
        headers=HEADERS,
        redelivered=True,
    )
    assert (received.attempt, received.first_published_at) == (2, FIRST_PUBLISHED_AT)
    assert tag_of(message) == 7


def test_a_message_without_headers_is_a_delivery_with_none() -> None:
    """AMQP's table may be missing altogether."""
    assert delivery_of(Incoming().delivered(headers=None), "q").headers == {}


@pytest.mark.parametrize("odd", [{"delivery_mode": 7}, {"expiration": "soon"}])
def test_a_copy_can_be_made_of_any_delivery(odd: dict[str, object]) -> None:
    """Also where the library refuses a property: a retry or a dead letter must not fail for it."""
    message = whole(Incoming(headers=HEADERS).delivered(**odd))
    assert (message.body, message.headers, message.type) == (b"{}", HEADERS, "order.created.v1")


async def test_deliveries_of_one_turn_are_acknowledged_together() -> None:
    """One write for all of them; what comes while it waits for room goes with the next."""
    underlay: Any = Underlay()
    acknowledger = Acknowledger(underlay)
    for tag in (1, 2, 4):
        acknowledger.acknowledge(tag)
    assert await underlay.written() == [1, 2, 4]
    acknowledger.acknowledge(2**62)
    assert await underlay.written() == [2**62]


async def test_what_was_acknowledged_is_written_before_the_end() -> None:
    """Else the next consumer would get again what is done."""
    underlay: Any = Underlay()
    acknowledger = Acknowledger(underlay)
    acknowledger.acknowledge(1)
    await acknowledger.finish(DEADLINE_SECONDS)
    assert await underlay.written() == [1]


async def test_the_end_does_not_wait_for_a_connection_that_takes_nothing() -> None:
    """A dead connection's queue is full for ever."""
    underlay: Any = Underlay()
    underlay.write_queue.put_nowait(None)
    acknowledger = Acknowledger(underlay)
    acknowledger.acknowledge(1)
    await asyncio.wait_for(acknowledger.finish(0.01), DEADLINE_SECONDS)
    assert len(asyncio.all_tasks()) == 1


async def test_a_closed_channel_acknowledges_nothing() -> None:
    """Whoever settled the delivery hears of it: it will come again."""
    underlay: Any = Underlay(is_closed=True)
    with pytest.raises(BROKER_ERRORS):
        Acknowledger(underlay).acknowledge(1)
    assert underlay.write_queue.empty()
