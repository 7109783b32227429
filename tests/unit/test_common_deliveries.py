"""Deliveries as aiormq hands them over, and their acknowledgement."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import AsyncMock

import pytest
from pamqp.commands import Basic
from pamqp.frame import unmarshal

from services.common.messaging.connection import BROKER_ERRORS, Broker
from services.common.messaging.consumer import Consumer
from services.common.messaging.deliveries import Acknowledger, Link, delivery_of, tag_of, whole
from services.common.messaging.messages import Delivery, Settlement
from services.common.messaging.topology import Subscription
from tests.unit.fakes import FIRST_PUBLISHED_AT, Channel, Incoming, delivery

HEADERS = {"x-attempt": 2, "x-first-published-at": FIRST_PUBLISHED_AT}
DEADLINE_SECONDS = 5.0


@dataclass
class Underlay:
    """Stands for aiormq's channel: a number, and where its frames are put."""

    number: int = 3
    write_queue: "asyncio.Queue[Any]" = field(default_factory=lambda: asyncio.Queue(1))
    channels: dict[int, Any] = field(default_factory=dict)
    """Those that the connection knows, for which this stands, too."""

    def __post_init__(self) -> None:
        """Be open."""
        self.channels[self.number] = self

    @property
    def connection(self) -> "Underlay":
        """Return what knows the channels."""
        return self

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
    await asyncio.sleep(0)  # written, and nothing more fits
    acknowledger.acknowledge(5)
    await asyncio.sleep(0)
    acknowledger.acknowledge(2**62)
    assert await underlay.written() == [1, 2, 4]
    assert await underlay.written() == [5]
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
    underlay: Any = Underlay()
    underlay.channels.clear()
    with pytest.raises(BROKER_ERRORS):
        Acknowledger(underlay).acknowledge(1)
    assert underlay.write_queue.empty()


async def test_nothing_is_written_once_the_channel_is_closed() -> None:
    """The broker would close the connection over it, and with it what else uses that."""
    underlay: Any = Underlay()
    acknowledger = Acknowledger(underlay)
    acknowledger.acknowledge(1)
    underlay.channels.clear()
    await acknowledger.finish(DEADLINE_SECONDS)
    assert underlay.write_queue.empty()


async def test_what_is_finished_acknowledges_nothing_more() -> None:
    """A delivery that is settled later comes again, by a channel that is still cared for."""
    underlay: Any = Underlay()
    acknowledger = Acknowledger(underlay)
    await acknowledger.finish(DEADLINE_SECONDS)
    with pytest.raises(BROKER_ERRORS):
        acknowledger.acknowledge(1)


@pytest.mark.parametrize(("failure", "expected"), [(None, [7]), (ConnectionError("gone"), [])])
async def test_a_delivery_is_acknowledged_after_its_copy_was_confirmed(
    failure: Exception | None, expected: list[int]
) -> None:
    """And not at all without: else the message would be lost."""
    underlay: Any = Underlay()
    channel = Channel(failure=failure)
    link = Link(channel.as_amqp(), underlay, Acknowledger(underlay), asyncio.Event())
    given_back: list[int] = []
    underlay.basic_nack = AsyncMock(side_effect=lambda tag, **_: given_back.append(tag))

    async def process(_: Delivery) -> Settlement:
        assert underlay.write_queue.empty()
        return Settlement("retry", "timeout", TimeoutError())

    consumer = Consumer(Broker("amqp://nobody", "test"), Subscription("q", ["k"]), process, prefetch=1)
    await consumer._work(link, Incoming(headers=HEADERS).delivered())  # noqa: SLF001 - what aiormq would call
    await link.acknowledger.finish(DEADLINE_SECONDS)
    assert (await underlay.written() if expected else []) == expected
    assert underlay.write_queue.empty()
    assert (len(channel.published), given_back) == (len(expected), [] if expected else [7])
