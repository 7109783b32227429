"""Publishing many messages at once: what goes out, and what each message's result is."""

import asyncio
from typing import Any, cast

import pytest
from aio_pika.exceptions import ChannelInvalidStateError, DeliveryError
from aiormq import spec

from services.common.messaging import publisher as module
from services.common.messaging.messages import Outgoing
from services.common.messaging.properties import event_properties
from services.common.messaging.publisher import publisher
from tests.unit.fake_broker import FakeBroker, FakeChannel, Published

REFUSED = DeliveryError(None, spec.Basic.Nack())


def message(number: int, **fields: Any) -> Outgoing:  # noqa: ANN401 - any field
    """Return a message, some of its fields otherwise."""
    plain = {"entry": "1-1", "exchange": "orders", "routing_key": "order.created.v1", "body": b"{}"}
    rest = {"message_id": f"id-{number}", "correlation_id": "checkout-42", "headers": {"x-attempt": 1}}
    return Outgoing(**{**plain, **rest, **fields})


async def results(broker: FakeBroker, *messages: Outgoing) -> list[BaseException | None]:
    """Publish messages and return what became of each."""
    channel = cast("Any", FakeChannel(broker))
    publish = publisher(channel, lambda event: event_properties(event, "api"))
    return [*await asyncio.wait_for(cast("Any", publish(messages)), 5)]


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
    found = await results(
        broker, *(message(number) for number in range(1, 7)), message(7, correlation_id="c" * 256), message(8)
    )
    kinds = [type(error) for error in found]
    nothing, lost = type(None), ConnectionError
    assert kinds == [nothing, DeliveryError, TimeoutError, lost, lost, lost, TypeError, nothing]
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
    [published] = broker.published
    properties = published.properties
    assert (published.exchange, published.routing_key, published.body) == ("orders", event.routing_key, b"{}")
    assert (properties.delivery_mode, properties.app_id, properties.message_type) == (
        2,
        "api",
        event.routing_key,
    )
    assert properties.headers == event.headers
    assert properties.headers is not event.headers


@pytest.mark.parametrize(
    ("ids", "most"), [("abcd", 4), ("aabb", 2), ("aaaa", 1), ([str(number) for number in range(150)], 100)]
)
async def test_how_many_are_in_flight(ids: list[str], most: int) -> None:
    """At most 100, and never two of one id: of these the channel could not tell which was returned."""
    in_flight, seen = set[str | None](), list[int]()

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
    assert module.MAX_IN_FLIGHT == 100


async def test_nothing_to_publish_is_no_error() -> None:
    """An empty batch has no results."""
    assert await results(FakeBroker()) == []
