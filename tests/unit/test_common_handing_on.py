"""Handing a message on: to a retry or the dead-letter queue, before the original is acknowledged."""

import pytest

from services.common.messaging.messages import Settlement, attempt_in
from services.common.messaging.republish import hand_on
from services.common.messaging.topology import Subscription
from tests.unit.fakes import FIRST_PUBLISHED_AT, Channel, Incoming

QUEUE = Subscription("q", ["order.created.v1"])
HEADERS = {"x-attempt": 2, "x-first-published-at": FIRST_PUBLISHED_AT}


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_a_copy_that_is_not_confirmed_is_an_error(action: str) -> None:
    """The original is not acknowledged then, and the broker delivers it again."""
    channel, message = Channel(failure=ConnectionError("gone")), Incoming(headers=HEADERS)
    settlement = Settlement(action, "x")  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        await hand_on(channel.as_amqp(), QUEUE, message.as_amqp(), settlement)


@pytest.mark.parametrize(
    ("attempt", "queue"), [(1, "q.retry.1s"), (2, "q.retry.5s"), (3, "q.retry.30s"), (99, "q.retry.30s")]
)
async def test_each_retry_waits_longer(attempt: int, queue: str) -> None:
    """After 1, 5 and 30 s, and then after 30 s for as long as it takes."""
    channel, message = Channel(), Incoming(headers={**HEADERS, "x-attempt": attempt})
    await hand_on(channel.as_amqp(), QUEUE, message.as_amqp(), Settlement("retry", "x"))
    assert [where for where, _ in channel.published] == [queue]


@pytest.mark.parametrize("count", [None, 0, -1, True, 2.0, "2", [2]])
def test_a_count_of_attempts_that_is_none_means_the_first(count: object) -> None:
    """A stranger may put anything there, `True` too, which counts as a number in Python alone."""
    found = attempt_in({"x-attempt": count})
    assert (found, type(found)) == (1, int)


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_copies_go_through_the_subscriptions_own_exchange(action: str) -> None:
    """Through the default exchange a service could write into every queue there is."""
    channel, message = Channel(), Incoming(headers=HEADERS)
    await hand_on(channel.as_amqp(), QUEUE, message.as_amqp(), Settlement(action, "x"))  # type: ignore[arg-type]
    assert channel.through == ["q"]
