"""Copies of deliveries: where they go, and what they carry."""

from typing import Any, cast

import pytest

from services.common.messaging.messages import Settlement
from services.common.messaging.properties import delivery_of
from services.common.messaging.publisher import republish
from services.common.messaging.topology import Subscription
from tests.unit.fake_broker import HEADERS, FakeBroker, FakeChannel, Published, delivered
from tests.unit.fakes import delivery

QUEUE = Subscription("q", ["order.created.v1"])


async def copied(settlement: Settlement, headers: dict[str, Any], **properties: object) -> Published:
    """Republish a delivery and return its copy."""
    broker = FakeBroker()
    original = delivery_of(delivered(b"{}", {"headers": headers, **properties}), "q")
    await republish(cast("Any", FakeChannel(broker)), QUEUE, original, settlement)
    [copy] = broker.published
    return copy


@pytest.mark.parametrize(
    ("attempt", "queue"), [(1, "q.retry.1s"), (2, "q.retry.5s"), (3, "q.retry.30s"), (99, "q.retry.30s")]
)
async def test_each_retry_waits_longer(attempt: int, queue: str) -> None:
    """After 1, 5 and 30 s, and then after 30 s for as long as it takes."""
    copy = await copied(Settlement("retry", "x"), {**HEADERS, "x-attempt": attempt})
    assert (copy.exchange, copy.routing_key) == ("q", queue)
    assert copy.properties.headers is not None
    assert copy.properties.headers["x-attempt"] == attempt + 1


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_a_copy_has_none_of_the_delivery_history(action: Any) -> None:  # noqa: ANN401 - one of a Literal
    """A quorum queue would go on counting from there, and CC and BCC would multiply the message."""
    history = {
        "x-delivery-count": 7,
        "x-acquired-count": 7,
        "x-death": [{}],
        "x-first-death-reason": "expired",
    }
    copy = await copied(
        Settlement(action, "x"), {**HEADERS, **history, "cc": ["q"], "BCC": ["q"], "baggage": "b=2"}
    )
    found = set(copy.properties.headers or {})
    assert found >= {"x-attempt", "x-first-published-at", "baggage"}
    assert not found & {*history, "cc", "BCC"}


@pytest.mark.parametrize("odd", [{"delivery_mode": 7}, {"expiration": "soon"}, {"priority": 200}])
async def test_a_copy_can_be_made_of_any_delivery(odd: dict[str, object]) -> None:
    """Also with a property that aio-pika's own messages refuse: a dead letter must not fail for it."""
    properties = (await copied(Settlement("dead_letter", "x"), HEADERS, **odd)).properties
    assert (properties.delivery_mode, properties.expiration, properties.priority) == (2, None, None)
    assert (properties.message_type, properties.content_type) == ("order.created.v1", "application/json")


def test_a_delivery_is_free_of_the_amqp_library() -> None:
    """Everything that processing and copying need is there, also where the message has no properties."""
    received = delivery_of(delivered(b"{}", {"headers": {"x-attempt": 2}}, redelivered=True), "q")
    assert (received.queue, received.exchange, received.routing_key) == ("q", "orders", "order.created.v1")
    assert (received.body, received.attempt, received.redelivered) == (b"{}", 2, True)
    assert (received.correlation_id, received.type, received.app_id) == (
        "checkout-42",
        "order.created.v1",
        "api",
    )
    assert delivery_of(delivered(b"", {"headers": None}), "q").headers == {}


@pytest.mark.parametrize("odd", [None, "2", 0, -1, 1.5, True, [2]])
def test_odd_counts_and_times_are_none(odd: object) -> None:
    """A delivery whose headers are a stranger's is a first attempt of an unknown time."""
    stranger = delivery(x_attempt=odd, x_first_published_at="yesterday")
    assert (stranger.attempt, type(stranger.attempt), stranger.first_published_at) == (1, int, None)
