"""Settling: nothing is acknowledged before what follows from it is confirmed."""

import pytest

from services.kit.messages import Delivery, Settlement, from_amqp
from services.kit.settle import settle
from services.kit.topology import Subscription
from tests.unit.fakes import FIRST_PUBLISHED_AT, Channel, Incoming, delivery

QUEUE = Subscription("q", ["order.created.v1"])
HEADERS = {"x-attempt": 2, "x-first-published-at": FIRST_PUBLISHED_AT}


async def test_done_is_acknowledged_and_nothing_more() -> None:
    """No copy is made."""
    channel, message = Channel(), Incoming()
    await settle(channel.as_amqp(), QUEUE, message.as_amqp(), Settlement("ack", "done"))
    assert (message.acknowledged, channel.published) == (True, [])


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_without_a_confirm_nothing_is_acknowledged(action: str) -> None:
    """The broker then delivers the original again."""
    channel, message = Channel(failure=ConnectionError("gone")), Incoming(headers=HEADERS)
    settlement = Settlement(action, "x")  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        await settle(channel.as_amqp(), QUEUE, message.as_amqp(), settlement)
    assert not message.acknowledged


@pytest.mark.parametrize(
    ("attempt", "queue"), [(1, "q.retry.1s"), (2, "q.retry.5s"), (3, "q.retry.30s"), (99, "q.retry.30s")]
)
async def test_each_retry_waits_longer(attempt: int, queue: str) -> None:
    """After 1, 5 and 30 s, and then after 30 s for as long as it takes."""
    channel, message = Channel(), Incoming(headers={**HEADERS, "x-attempt": attempt})
    await settle(channel.as_amqp(), QUEUE, message.as_amqp(), Settlement("retry", "x"))
    assert [where for where, _ in channel.published] == [queue]


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_copies_go_through_the_subscriptions_own_exchange(action: str) -> None:
    """Through the default exchange a service could write into every queue there is."""
    channel, message = Channel(), Incoming(headers=HEADERS)
    await settle(channel.as_amqp(), QUEUE, message.as_amqp(), Settlement(action, "x"))  # type: ignore[arg-type]
    assert channel.through == ["q"]


@pytest.mark.parametrize("odd", [None, "2", 0, -1, 1.5, True])
def test_odd_counts_and_times_are_none(odd: object) -> None:
    """A delivery whose headers are a stranger's is a first attempt of an unknown time."""
    stranger = delivery(x_attempt=odd, x_first_published_at="yesterday")
    assert (stranger.attempt, stranger.first_published_at) == (1, None)


def test_a_delivery_is_free_of_the_amqp_library() -> None:
    """Everything that processing needs is copied."""
    received = from_amqp(Incoming(headers=HEADERS, redelivered=True).as_amqp(), "q")
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
