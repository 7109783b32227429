"""The outbox's relay between a real Redis and a real RabbitMQ."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aio_pika.abc import AbstractChannel
from redis.asyncio import Redis

from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.topology import Subscription, declare_subscription
from services.common.outbox import relay as relay_module
from services.common.outbox import stream as outbox_module
from services.common.outbox.relay import Relay
from services.common.outbox.stream import Outbox
from tests.servers import eventually, message_in

SUBSCRIPTION = Subscription("test.queue", ["test.happened.v1"])
QUEUE = SUBSCRIPTION.queue
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Events:
    """An outbox in Redis, the relay that empties it, and the queue that its events go to."""

    def __init__(self, redis: Redis, broker: BrokerConnection, channel: AbstractChannel) -> None:
        """Give each entry a correlation id and a trace."""
        context = {"correlation_id": "c-1", "traceparent": TRACEPARENT}
        self.redis, self.broker, self.channel = redis, broker, channel
        self.outbox = Outbox(redis, "test", context=lambda: context)
        self.relay = Relay(self.outbox, broker, "test", "relay-1")

    async def add(self, *numbers: int) -> None:
        """Write events as a script would, `m-1` for 1."""
        for number in numbers:
            fields = self.outbox.fields("test.happened.v1", f"m-{number}", "{}")
            await self.redis.execute_command("XADD", self.outbox.stream, "*", *fields)  # type: ignore[no-untyped-call]

    async def write(self, **fields: str | bytes) -> None:
        """Write an entry as somebody else might."""
        entry = {"type": "test.happened.v1", "body": "{}", **fields}
        await self.redis.xadd(self.outbox.stream, entry)  # type: ignore[arg-type]  # a dict of texts is one of fields

    async def arrived(self, count: int) -> set[str | None]:
        """Return the ids of so many messages."""
        return {(await message_in(self.channel, QUEUE)).message_id for _ in range(count)}

    async def gone(self) -> bool:
        """Whether everything was published and confirmed."""
        return not await self.redis.xlen(self.outbox.stream)

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """Run the relay while the block runs, and end it as services do."""
        async with Lifetime().background(self.relay.run(), "relay"):
            yield


@pytest.fixture
async def events(redis: Redis, broker: BrokerConnection, channel: AbstractChannel) -> Events:
    """Return an outbox that is prepared, and whose events have a queue."""
    await declare_subscription(channel, SUBSCRIPTION)
    found = Events(redis, broker, channel)
    await found.outbox.prepare()
    return found


async def test_an_entry_becomes_a_message_and_leaves_once_confirmed(events: Events) -> None:
    """The message carries the properties and headers of the contract."""
    await events.add(1)
    async with events.relaying():
        message = await message_in(events.channel, QUEUE)
        await eventually(events.gone)
    assert (message.message_id, message.correlation_id) == ("m-1", "c-1")
    assert (message.type, message.app_id) == ("test.happened.v1", "test")
    assert (message.content_type, message.delivery_mode) == ("application/json", 2)
    assert (message.headers["traceparent"], message.headers["x-attempt"]) == (TRACEPARENT, 1)


async def test_what_cannot_be_routed_waits_and_does_not_hold_up_the_rest(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry without a queue stays in the outbox, is seen there, and goes out once there is a queue."""
    monkeypatch.setattr(outbox_module, "CLAIM_AFTER_MS", 100)
    await events.channel.queue_delete(QUEUE)
    await events.add(1)

    async def taken() -> bool:
        return bool((await events.redis.xpending(events.outbox.stream, "relay"))["pending"])

    async with events.relaying():
        await eventually(taken)
        assert (await events.outbox.backlog())[0] == 1
        await declare_subscription(events.channel, SUBSCRIPTION)
        await events.add(2)
        assert await events.arrived(2) == {"m-1", "m-2"}
        await eventually(events.gone)


async def test_what_cannot_be_sent_does_not_hold_up_the_rest(events: Events) -> None:
    """What is too long for AMQP or has no id stays; a body that is no UTF-8 goes out as far as it is read."""
    await events.write(type="t" * 300, message_id="m-1")
    await events.write()
    async with events.relaying():
        for number in (2, 3):  # a second one, as the relay might start over with what it had read
            await events.add(number)
            assert await events.arrived(1) == {f"m-{number}"}
        await events.write(message_id="m-4", body=b"{\xff}")
        assert (await message_in(events.channel, QUEUE)).body == b"{\\xff}"
        assert (await events.outbox.backlog())[0] == 2


async def test_an_event_that_breaks_the_channel_does_not_hold_up_the_rest(events: Events) -> None:
    """The broker closes the channel over a `CC` that is no list; what goes with it arrives."""
    await events.add(1)
    await events.write(message_id="m-2", CC="no list")
    await events.add(3, 4)
    async with events.relaying():
        ids = set[str | None]()
        while not ids >= {"m-1", "m-3", "m-4"}:
            ids |= await events.arrived(1)
        await events.add(5)
        assert "m-5" in ids | await events.arrived(1)
    assert "m-2" not in ids
    assert (await events.outbox.backlog())[0] == 1


async def test_entries_of_a_relay_that_died_are_taken_over(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a relay took before it was killed is published by another, with the time of the first time."""
    monkeypatch.setattr(outbox_module, "CLAIM_AFTER_MS", 100)
    await events.add(1)
    [taken] = await events.outbox.read_new("relay-that-dies", count=10, block_ms=1)
    async with events.relaying():
        message = await message_in(events.channel, QUEUE)
        await eventually(events.gone)
    assert message.message_id == taken.message_id
    first = "x-first-published-at"
    assert message.headers[first] == taken.headers[first]


async def test_entries_of_a_relay_that_was_deleted_are_found(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis forgets what was pending for it; what another relay has just read is left to that one."""
    monkeypatch.setattr(relay_module, "CLAIM_EVERY_SECONDS", 0.1)
    await events.add(*range(250))
    assert await events.outbox.read_new("relay-that-is-deleted", count=249, block_ms=1)
    assert await events.outbox.read_new("relay-2", count=1, block_ms=1)
    await events.redis.xgroup_delconsumer(events.outbox.stream, "relay", "relay-that-is-deleted")
    async with events.relaying():
        assert await events.arrived(249) == {f"m-{number}" for number in range(249)}
        await events.add(250)
        message = await message_in(events.channel, QUEUE)
    assert message.message_id == "m-250"
    assert (await events.outbox.backlog())[0] == 1


async def test_a_relay_that_leaves_sends_what_is_left(events: Events) -> None:
    """Draining publishes everything, in more than one batch, and forgets the relay."""
    await events.add(*range(250))
    await events.relay.drain()
    assert await events.gone()
    assert await events.redis.xinfo_consumers(events.outbox.stream, "relay") == []
