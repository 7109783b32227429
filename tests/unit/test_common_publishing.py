"""Publishing: what goes out, what each message's result is, and what copies of deliveries carry."""

import asyncio
from typing import Any, cast

import pytest
from aio_pika.exceptions import ChannelInvalidStateError, DeliveryError
from aiormq import spec

from services.common.messaging.messages import Outgoing, Settlement
from services.common.messaging.properties import delivery_of, event_properties
from services.common.messaging.publisher import publisher, republish
from services.common.messaging.topology import Subscription
from tests.unit.fake_broker import HEADERS, FakeBroker, FakeChannel, Published, delivered
from tests.unit.fakes import delivery

QUEUE = Subscription("q", ["order.created.v1"])
REFUSED = DeliveryError(None, spec.Basic.Nack())


def message(number: int, **fields: Any) -> Outgoing:  # noqa: ANN401 - any field
    """Return a message, some of its fields otherwise."""
    plain = {"entry": "1-1", "exchange": "orders", "routing_key": "order.created.v1", "body": b"{}"}
    rest = {"message_id": f"id-{number}", "correlation_id": "checkout-42", "headers": {"x-attempt": 1}}
    return Outgoing(**{**plain, **rest, **fields})


async def results(broker: FakeBroker, *messages: Outgoing) -> list[BaseException | None]:
    """Publish messages and return what became of each."""
    publish: Any = publisher(cast("Any", FakeChannel(broker)), lambda event: event_properties(event, "api"))
    return [*await asyncio.wait_for(publish(messages), 5)]


async def test_messages_fail_one_by_one() -> None:
    """Confirmed, refused, too slow, lost in three ways, not to be encoded: in the messages' order."""
    errors: dict[str | None, BaseException] = {
        "id-2": REFUSED,
        "id-3": TimeoutError("no confirm"),
        "id-4": asyncio.CancelledError(),
        "id-5": ChannelInvalidStateError("closed"),
        "id-6": asyncio.InvalidStateError("closed"),
    }

    async def on_publish(published: Published) -> None:
        if error := errors.get(published.properties.message_id):
            raise error

    broker = FakeBroker(on_publish=on_publish)
    too_long = message(7, correlation_id="c" * 256)
    found = await results(broker, *(message(number) for number in range(1, 7)), too_long, message(8))
    nothing, lost = type(None), ConnectionError
    kinds = [nothing, DeliveryError, TimeoutError, lost, lost, lost, TypeError, nothing]
    assert [type(error) for error in found] == kinds
    assert [copy.properties.message_id for copy in broker.published] == ["id-1", "id-8"]


@pytest.mark.parametrize(
    "wrong", [{"headers": {"n": 2**64}}, {"headers": {"s": "\ud800"}}, {"correlation_id": "é" * 128}]
)
async def test_what_amqp_cannot_carry_is_an_error(wrong: dict[str, Any]) -> None:
    """Nothing is cut, and the messages beside it go out."""
    first, second = await results(FakeBroker(), message(1, **wrong), message(2))
    assert isinstance(first, TypeError | ValueError)
    assert second is None


async def test_an_event_has_the_properties_of_the_contract() -> None:
    """And its own headers, of which the message keeps none of the changes."""
    broker, event = FakeBroker(), message(1)
    await results(broker, event)
    [(exchange, key, body, properties)] = broker.published
    assert (exchange, key, body) == ("orders", "order.created.v1", b"{}")
    assert (properties.delivery_mode, properties.app_id, properties.message_type) == (2, "api", key)
    assert properties.headers == event.headers
    assert properties.headers is not event.headers


@pytest.mark.parametrize(
    ("ids", "most"),
    [("", 0), ("abcd", 4), ("aabb", 2), ("aaaa", 1), ([str(number) for number in range(150)], 100)],
)
async def test_how_many_are_in_flight(ids: list[str], most: int) -> None:
    """At most 100, and never two of one id: of these the channel could not tell which was returned."""
    in_flight, seen = set[str | None](), [0]

    async def on_publish(published: Published) -> None:
        identifier = published.properties.message_id
        assert identifier not in in_flight
        in_flight.add(identifier)
        seen.append(len(in_flight))
        await asyncio.sleep(0.001)
        in_flight.remove(identifier)

    broker = FakeBroker(on_publish=on_publish)
    assert not any(await results(broker, *(message(1, message_id=identifier) for identifier in ids)))
    assert (max(seen), len(broker.published)) == (most, len(ids))


async def copied(settlement: Settlement, headers: dict[str, Any], **properties: object) -> Published:
    """Republish a delivery and return its copy."""
    broker = FakeBroker()
    original = delivery_of(delivered(b"{}", {"headers": headers, **properties}), "q")
    await republish(cast("Any", FakeChannel(broker)), QUEUE, original, settlement)
    [copy] = broker.published
    return copy


@pytest.mark.parametrize("action", ["retry", "dead_letter"])
async def test_a_copy_has_none_of_the_delivery_history(action: Any) -> None:  # noqa: ANN401 - one of a Literal
    """A quorum queue would go on counting from there, and CC and BCC would multiply the message."""
    counts = {"x-delivery-count": 7, "x-acquired-count": 7}
    dropped = {**counts, "x-death": [{}], "x-first-death-reason": "expired", "cc": ["q"], "BCC": ["q"]}
    copy = await copied(Settlement(action, "x"), {**HEADERS, **dropped, "baggage": "b=2"})
    found = set(copy.properties.headers or {})
    assert found >= {"x-attempt", "x-first-published-at", "baggage"}
    assert not found & set(dropped)


@pytest.mark.parametrize("odd", [{"delivery_mode": 7}, {"expiration": "soon"}, {"priority": 200}])
async def test_a_copy_can_be_made_of_any_delivery(odd: dict[str, object]) -> None:
    """Also with a property that aio-pika's own messages refuse: a dead letter must not fail for it."""
    properties = (await copied(Settlement("dead_letter", "x"), HEADERS, **odd)).properties
    assert (properties.delivery_mode, properties.expiration, properties.priority) == (2, None, None)
    assert (properties.message_type, properties.content_type) == ("order.created.v1", "application/json")


def test_a_delivery_is_free_of_the_amqp_library() -> None:
    """Everything that processing and copying need is there, also where the message has no properties."""
    found = delivery_of(delivered(b"{}", {"headers": {"x-attempt": 2}}, redelivered=True), "q")
    assert (found.queue, found.exchange, found.routing_key) == ("q", "orders", "order.created.v1")
    assert (found.body, found.attempt, found.redelivered) == (b"{}", 2, True)
    assert (found.correlation_id, found.type, found.app_id) == ("checkout-42", "order.created.v1", "api")
    assert delivery_of(delivered(b"", {"headers": None}), "q").headers == {}


@pytest.mark.parametrize("odd", [None, "2", 0, -1, 1.5, True, [2]])
def test_odd_counts_and_times_are_none(odd: object) -> None:
    """A delivery whose headers are a stranger's is a first attempt of an unknown time."""
    stranger = delivery(x_attempt=odd, x_first_published_at="yesterday")
    assert (stranger.attempt, type(stranger.attempt), stranger.first_published_at) == (1, int, None)
