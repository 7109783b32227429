"""`asyncapi.yaml` says what the services declare."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from services.common.messaging.topology import (
    EXCHANGE,
    RETRY_DELAYS_SECONDS,
    Subscription,
    declare_subscription,
)
from services.notifier.app import OUTCOMES
from services.worker.app import ORDERS
from tests.contract.documents import CONTRACTS, EVENTS, read
from tests.unit.fake_broker import FakeChannel

DOCUMENT: dict[str, Any] = read("asyncapi.yaml")
SUBSCRIPTIONS = [ORDERS, OUTCOMES]


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    """Each `$ref` is a part of the document or a schema beside it."""
    references = set(all_references(DOCUMENT))
    for reference in references:
        assert at(reference) if reference.startswith("#/") else (CONTRACTS / reference).is_file(), reference
    components = {f"#/components/{kind}/{name}" for kind, it in DOCUMENT["components"].items() for name in it}
    assert components <= references


def test_events_go_to_the_exchange_under_their_type() -> None:
    """There is one channel an event, on the exchange that the services declare."""
    events = [channel for channel in DOCUMENT["channels"].values() if amqp(channel)["is"] == "routingKey"]
    assert {channel["address"] for channel in events} == set(EVENTS)
    for channel in events:
        assert amqp(channel)["exchange"]["name"] == EXCHANGE
        assert [message["name"] for message in messages(channel)] == [channel["address"]]


def test_messages_name_their_schema() -> None:
    """A message's name, its type in AMQP and its schema are of the same event."""
    for message in DOCUMENT["components"]["messages"].values():
        assert message["payload"]["$ref"] == f"./schemas/{message['name']}.schema.json"
        assert message["bindings"]["amqp"]["messageType"] == message["name"]


@pytest.mark.parametrize("subscription", SUBSCRIPTIONS, ids=lambda it: it.queue)
async def test_queues_are_those_that_consumers_declare(subscription: Subscription) -> None:
    """Names, arguments and bindings of a queue, its retry queues and its dead-letter queue."""
    declared = FakeChannel()
    await declare_subscription(cast("Any", declared), subscription)
    described = dict(described_queues(subscription.queue))
    assert described == declared.queues
    keys = next(c for c in DOCUMENT["channels"].values() if c["address"] == subscription.queue)["x-bound-to"]
    own = {(subscription.queue, name, name) for name in described}
    assert own | {(EXCHANGE, key, subscription.queue) for key in keys} == set(declared.bindings)
    assert declared.exchanges == {subscription.queue: {"type": "direct", "durable": True}}


@pytest.mark.parametrize("subscription", SUBSCRIPTIONS, ids=lambda it: it.queue)
def test_queues_carry_the_events_that_are_bound_to_them(subscription: Subscription) -> None:
    """Also the retry and dead-letter queues carry what the queue carries, and somebody reads the queue."""
    for channel in DOCUMENT["channels"].values():
        if channel["address"].startswith(subscription.queue):
            assert [message["name"] for message in messages(channel)] == list(subscription.routing_keys)
    readers = [o["channel"] for o in DOCUMENT["operations"].values() if o["action"] == "receive"]
    assert subscription.queue in [at(channel["$ref"])["address"] for channel in readers]


def described_queues(queue: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every queue of a subscription with its arguments, as the document describes them."""
    for channel in DOCUMENT["channels"].values():
        address, arguments = channel["address"], amqp(channel).get("x-arguments", {})
        if address in {queue, f"{queue}.dlq"}:
            yield address, arguments
        elif address == f"{queue}.retry.{{delay}}":
            delays = at(channel["parameters"]["delay"]["$ref"])["enum"]
            for delay, seconds in zip(delays, RETRY_DELAYS_SECONDS, strict=True):
                back = {"x-dead-letter-exchange": queue, "x-dead-letter-routing-key": queue}
                yield address.format(delay=delay), {**arguments, **back, "x-message-ttl": seconds * 1000}


def all_references(part: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a YAML document
    """Yield every `$ref`."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from all_references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from all_references(inner)


def at(reference: str) -> Any:  # noqa: ANN401 - any part of a YAML document
    """Return what a reference within the document points to."""
    part: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        part = part[step]
    return part


def messages(channel: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a channel's messages."""
    return [at(message["$ref"]) for message in channel["messages"].values()]


def amqp(channel: dict[str, Any]) -> dict[str, Any]:
    """Return a channel's AMQP binding."""
    bindings = channel["bindings"]
    return (at(bindings["$ref"]) if "$ref" in bindings else bindings)["amqp"]  # type: ignore[no-any-return]
