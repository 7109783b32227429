"""The outbox's relay between a real Redis and a real RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aio_pika.abc import AbstractChannel
from redis.asyncio import Redis

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.topology import Subscription, declare_subscription
from services.common.outbox import stream as outbox_module
from services.common.outbox.relay import Relay
from services.common.outbox.stream import Outbox
from tests.servers import eventually, message_in

SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def relaying(relay: Relay) -> AsyncIterator[None]:
    """Run a relay while the block runs, and end it as services do."""
    async with Lifetime().background(relay.run(), "relay"):
        yield


def outbox_of(redis: Redis) -> Outbox:
    """Return an outbox whose entries have a correlation id and a trace."""
    return Outbox(redis, "test", lambda: {"correlation_id": "c-1", "traceparent": TRACEPARENT})


async def add(redis: Redis, outbox: Outbox, message_id: str) -> None:
    """Write an event as a script would."""
    fields = outbox.fields("test.happened.v1", message_id, "{}")
    await redis.execute_command("XADD", outbox.stream, "*", *fields)  # type: ignore[no-untyped-call]


async def gone(redis: Redis, outbox: Outbox) -> bool:
    """Whether everything was published and confirmed."""
    return int(await redis.xlen(outbox.stream)) == 0


async def test_an_entry_becomes_a_message_and_leaves_once_confirmed(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection
) -> None:
    """The message carries the properties and headers of the contract."""
    await declare_subscription(channel, SUBSCRIPTION)
    outbox = outbox_of(redis)
    await add(redis, outbox, "m-1")
    async with relaying(Relay(outbox, broker, "test", "relay-1")):
        message = await message_in(channel, "test.queue")
        await eventually(lambda: gone(redis, outbox))
    assert (message.message_id, message.correlation_id) == ("m-1", "c-1")
    assert (message.type, message.app_id) == ("test.happened.v1", "test")
    assert message.content_type == "application/json"
    assert message.delivery_mode == 2
    assert message.headers["traceparent"] == TRACEPARENT
    assert message.headers["x-attempt"] == 1


async def test_what_cannot_be_routed_waits_and_does_not_hold_up_the_rest(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry without a queue stays in the outbox, is seen there, and goes out once there is a queue."""
    monkeypatch.setattr(outbox_module, "CLAIM_AFTER_MS", 100)
    outbox = outbox_of(redis)
    await outbox.prepare()
    await add(redis, outbox, "m-1")
    async with relaying(Relay(outbox, broker, "test", "relay-1")):

        async def taken() -> bool:
            pending = await redis.xpending(outbox.stream, "relay")
            return bool(pending["pending"])

        await eventually(taken)
        assert (await outbox.backlog())[0] == 1
        await declare_subscription(channel, SUBSCRIPTION)
        await add(redis, outbox, "m-2")
        ids = {(await message_in(channel, "test.queue")).message_id for _ in range(2)}
        await eventually(lambda: gone(redis, outbox))
    assert ids == {"m-1", "m-2"}


async def test_what_cannot_be_sent_at_all_does_not_hold_up_the_rest(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection
) -> None:
    """Entries that somebody else wrote, one too long for AMQP and one without an id, stay where they are."""
    await declare_subscription(channel, SUBSCRIPTION)
    outbox = outbox_of(redis)
    await redis.xadd(outbox.stream, {"type": "t" * 300, "message_id": "m-1", "body": "{}"})
    await redis.xadd(outbox.stream, {"type": "test.happened.v1", "body": "{}"})
    async with relaying(Relay(outbox, broker, "test", "relay-1")):
        for number in (2, 3):  # a second one, as the relay might start over with what it had read
            await add(redis, outbox, f"m-{number}")
            assert (await message_in(channel, "test.queue")).message_id == f"m-{number}"
    assert (await outbox.backlog())[0] == 2


async def test_an_event_that_breaks_the_channel_does_not_hold_up_the_rest(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection
) -> None:
    """The broker closes the channel over a `CC` that is no list; what goes with it arrives."""
    await declare_subscription(channel, SUBSCRIPTION)
    outbox = outbox_of(redis)
    await add(redis, outbox, "m-1")
    breaking = {"type": "test.happened.v1", "message_id": "m-2", "body": "{}", "CC": "no list"}
    await redis.xadd(outbox.stream, breaking)  # type: ignore[arg-type]  # a dict of texts is one of fields
    for number in (3, 4):
        await add(redis, outbox, f"m-{number}")
    async with relaying(Relay(outbox, broker, "test", "relay-1")):
        async with asyncio.timeout(15):
            ids = set[str | None]()
            while not ids >= {"m-1", "m-3", "m-4"}:
                ids.add((await message_in(channel, "test.queue")).message_id)
        await add(redis, outbox, "m-5")
        assert (await message_in(channel, "test.queue")).message_id == "m-5"
    assert "m-2" not in ids
    assert (await outbox.backlog())[0] == 1


async def test_what_is_no_text_ends_nothing(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection
) -> None:
    """A body that is not UTF-8 goes out as what can be read of it: who gets it dead-letters it."""
    await declare_subscription(channel, SUBSCRIPTION)
    outbox = outbox_of(redis)
    entry = {"type": "test.happened.v1", "message_id": "m-1", "body": b"{\xff}"}
    await redis.xadd(outbox.stream, entry)  # type: ignore[arg-type]  # as above
    async with relaying(Relay(outbox, broker, "test", "relay-1")):
        assert (await message_in(channel, "test.queue")).body == b"{\\xff}"


async def test_entries_of_a_relay_that_died_are_taken_over(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a relay took before it was killed is published by another."""
    monkeypatch.setattr(outbox_module, "CLAIM_AFTER_MS", 100)
    await declare_subscription(channel, SUBSCRIPTION)
    outbox = outbox_of(redis)
    await outbox.prepare()
    await add(redis, outbox, "m-1")
    assert await outbox.read_new("relay-that-dies", 10, block_ms=1)
    async with relaying(Relay(outbox, broker, "test", "relay-2")):
        assert (await message_in(channel, "test.queue")).message_id == "m-1"
        await eventually(lambda: gone(redis, outbox))


async def test_a_relay_that_leaves_sends_what_is_left(
    redis: Redis, channel: AbstractChannel, broker: BrokerConnection
) -> None:
    """Draining publishes everything and forgets the relay."""
    await declare_subscription(channel, SUBSCRIPTION)
    outbox = outbox_of(redis)
    await outbox.prepare()
    for number in range(250):
        await add(redis, outbox, f"m-{number}")
    await Relay(outbox, broker, "test", "relay-1").drain()
    assert await gone(redis, outbox)
    assert await redis.xinfo_consumers(outbox.stream, "relay") == []
