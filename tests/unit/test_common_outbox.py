"""The outbox and its relay: what leaves, what stays."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from aio_pika.exceptions import DeliveryError
from pamqp.commands import Basic
from structlog.testing import capture_logs

from services.common.messaging.messages import Outgoing
from services.common.outbox.relay import Relay
from services.common.outbox.stream import Outbox
from tests.unit.fakes import TRACEPARENT, Channel, Stream

if TYPE_CHECKING:
    from services.common.messaging.connection import Broker

UNROUTABLE = DeliveryError(None, Basic.Nack())


@pytest.mark.parametrize("shape", ["RESP3", "RESP2"])
async def test_an_entry_comes_out_as_it_went_in(shape: str) -> None:
    """Type, id, body and context survive the stream, whatever protocol Redis speaks."""
    context = {"correlation_id": "checkout-42", "traceparent": TRACEPARENT, "b3": "x"}
    stream = Stream()
    outbox = Outbox(stream.as_redis(), "api", context=lambda: context)
    stream.add(outbox.fields("order.created.v1", "event-1", b'{"name": "Zo\xc3\xab"}'))
    if shape == "RESP2":

        async def listed(*_: object, **__: object) -> Any:  # noqa: ANN401 - as redis-py has it
            return [[outbox.stream, stream.entries]]

        stream.xreadgroup = listed  # type: ignore[method-assign]
    [message] = await outbox.take("relay-1", count=9, block_ms=1)
    assert (message.exchange, message.routing_key) == ("orders", "order.created.v1")
    assert (message.message_id, message.correlation_id) == ("event-1", "checkout-42")
    assert message.body.decode() == '{"name": "Zoë"}'
    assert set(message.headers) == {"traceparent", "b3", "x-attempt", "x-first-published-at"}


async def test_what_was_deleted_meanwhile_is_passed_over() -> None:
    """Redis tells of such entries without fields."""
    stream = Stream([("1-1", cast("dict[str, str]", None))])
    outbox = Outbox(stream.as_redis(), "api", context=dict)
    assert await outbox.take_back("relay-1", count=9) == []


@dataclass
class Kept:
    """Stands for an outbox: entries, and those that were removed."""

    messages: list[Outgoing]
    removed: list[str] = field(default_factory=list)
    forgotten: bool = False

    async def take_back(self, _: str, **__: int) -> list[Outgoing]:
        """Return the first entry, which the relay had taken before it lost its channel."""
        taken, self.messages = self.messages[:1], self.messages[1:]
        return taken

    async def take(self, _: str, **__: int) -> list[Outgoing]:
        """Take two at a time."""
        taken, self.messages = self.messages[:2], self.messages[2:]
        return taken

    async def remove(self, entries: Sequence[str]) -> None:
        """Note what was confirmed."""
        self.removed += entries

    async def forget_relay(self, _: str) -> None:
        """Note that the relay left."""
        self.forgotten = True


class Open:
    """Stands for a broker that is there, or not."""

    def __init__(self, *, connected: bool = True) -> None:
        """Decide which."""
        self.connected = connected

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Channel]:
        """Open a channel."""
        yield Channel()


def message(entry: str) -> Outgoing:
    """Return a message of an entry."""
    return Outgoing(entry, "orders", "order.created.v1", f"id-{entry}", "checkout-42", b"{}", {})


async def drained(*results: BaseException | None, connected: bool = True) -> tuple[Kept, list[str]]:
    """Drain an outbox whose publishing ends as told, one result a message; return it and what was logged."""
    outbox = Kept([message(str(number)) for number in range(len(results))])
    answers = iter(results)

    async def publish(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        return [next(answers) for _ in messages]

    relay = Relay(
        cast("Outbox", outbox), cast("Broker", Open(connected=connected)), "api", "relay-1", lambda _: publish
    )
    with capture_logs() as logs:
        await relay.drain()
    return outbox, [line["event"] for line in logs]


async def test_what_was_confirmed_is_removed() -> None:
    """Batch after batch, until nothing is left; then the relay signs off."""
    outbox, logs = await drained(None, None, None)
    assert (outbox.removed, outbox.forgotten, logs) == (["0", "1", "2"], True, [])


async def test_without_a_broker_everything_stays() -> None:
    """A service that ends does not wait for a broker that is away."""
    outbox, logs = await drained(None, connected=False)
    assert (outbox.removed, outbox.forgotten, logs) == ([], False, [])


async def test_what_was_refused_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unroutable message holds up neither its batch nor the next one."""
    monkeypatch.setattr("services.common.outbox.relay.PAUSE_SECONDS", 0)
    outbox, logs = await drained(None, UNROUTABLE, None)
    assert (outbox.removed, logs) == (["0", "2"], ["publish failed"])


async def test_a_lost_broker_ends_the_round() -> None:
    """What was confirmed until then is removed, everything else stays for the next relay."""
    outbox, logs = await drained(None, ConnectionError("gone"), None, None)
    assert (outbox.removed, outbox.forgotten) == (["0", "2"], False)
    assert logs == ["publish failed", "outbox not drained"]
