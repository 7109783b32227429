"""The relay: what leaves the outbox, what stays, and what is sent again after a loss."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aio_pika.exceptions import DeliveryError
from aiormq import spec
from structlog.testing import capture_logs

from services.common.lifecycle import Lifetime
from services.common.messaging.messages import Outgoing
from services.common.outbox import relay as module
from services.common.outbox.relay import Relay, relaying
from tests.unit.fake_broker import FakeBroker

UNROUTABLE = DeliveryError(None, spec.Basic.Nack())
LOST = ConnectionError("gone")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no long pauses."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)


@dataclass
class Box:
    """Stands for an outbox: entries that the relay has read, and new ones, read two at a time."""

    pending: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    forgotten: bool = False

    async def read_pending(self, _: str, count: int) -> list[Outgoing]:
        """Return what was read and not removed."""
        return [message(entry) for entry in self.pending[:count]]

    async def read_new(self, _: str, __: int, **___: int) -> list[Outgoing]:
        found, self.new = self.new[:2], self.new[2:]
        self.pending += found
        return [message(entry) for entry in found]

    async def remove(self, confirmed: Sequence[str]) -> None:
        self.pending = [entry for entry in self.pending if entry not in confirmed]

    async def forget_relay(self, _: str) -> None:
        self.forgotten = True


@dataclass
class Publishing:
    """Stands for publishing: `errors` by entry; `breaks` is the entry over which the whole batch is lost."""

    errors: dict[str, Exception] = field(default_factory=dict)
    breaks: str = ""
    error: Exception = LOST
    batches: list[str] = field(default_factory=list)

    async def __call__(self, messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        """Return what became of each message."""
        entries = [message.entry for message in messages]
        self.batches.append("".join(entries))
        if self.breaks in entries:
            return [self.error for _ in entries]
        return [self.errors.get(entry) for entry in entries]


def message(entry: str) -> Outgoing:
    """Return the message of an entry."""
    return Outgoing(entry, "orders", "order.created.v1", f"m-{entry}", "checkout-42", b"{}", {})


def relay(box: Box, publishing: Publishing, broker: FakeBroker | None = None) -> Relay:
    """Return a relay of a process."""
    connection = (broker or FakeBroker()).as_connection()
    return Relay(cast("Any", box), connection, "api", "api-1", lambda _: publishing)


@pytest.mark.parametrize(
    ("errors", "connected", "left", "events"),
    [
        ({}, True, "", []),
        ({}, False, "abcd", ["outbox not drained"]),
        ({"b": UNROUTABLE}, True, "b", ["publish failed"]),
        ({"c": TypeError("too long")}, True, "c", ["publish failed"]),
        ({"b": LOST}, True, "bd", ["publish failed", "outbox not drained"]),
        ({"b": TimeoutError()}, True, "bd", ["publish failed", "outbox not drained"]),
    ],
)
async def test_what_a_relay_leaves_when_it_drains(
    errors: dict[str, Exception],
    connected: bool,  # noqa: FBT001 - a case
    left: str,
    events: list[str],
) -> None:
    """What was confirmed is removed; one message holds up no others, a lost broker ends the round."""
    box = Box(["a"], ["b", "c", "d"])
    with capture_logs() as logs:
        await relay(box, Publishing(errors), FakeBroker(open_error=None if connected else LOST)).drain()
    assert "".join(box.pending + box.new) == left
    assert [line["event"] for line in logs] == events
    assert box.forgotten is ("outbox not drained" not in events)


async def test_all_is_sent_however_long_the_channel_takes_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer any more makes no failure of what it has confirmed."""
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.3)
    box = Box(["a"], ["b"])
    one = relay(box, Publishing(), FakeBroker(close_seconds=0.4))
    with capture_logs() as logs:
        await one.drain()
    assert (box.pending + box.new, logs) == ([], [])


async def test_a_service_that_fails_sends_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed may be what sending needs: another relay takes the rest over."""

    async def run(_: Relay) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Relay, "run", run)
    box = Box(["a"], ["b"])
    for error in (ZeroDivisionError(), None):
        with pytest.raises(ZeroDivisionError) if error else nullcontext():
            async with relaying(Lifetime(), relay(box, Publishing())):
                if error:
                    raise error
        assert box.pending + box.new == (["a", "b"] if error else [])


async def sent_again(publishing: Publishing, times: int) -> Box:
    """Have a relay begin anew so often with three entries that it had read; return what is left."""
    box = Box(["a", "b", "c"])
    one = relay(box, publishing)
    for _ in range(times):
        try:
            await one._send_pending(publishing)  # noqa: SLF001 - what a relay begins with
        except (ConnectionError, TimeoutError):
            continue
    return box


@pytest.mark.parametrize(
    ("error", "batches", "skipped"),
    [(LOST, ["a", "b", "b", "c"], ["m-b"]), (TimeoutError("no confirm"), ["a", "b", "b", "b", "b"], [])],
)
async def test_an_event_that_closes_the_channel_is_found_and_skipped(
    error: Exception, batches: list[str], skipped: list[str]
) -> None:
    """What was under way goes out one by one; the event over which the channel closes twice stays behind."""
    publishing = Publishing(breaks="b", error=error)
    with capture_logs() as logs:
        box = await sent_again(publishing, times=4)
    assert publishing.batches == batches
    assert "b" in box.pending
    assert [line["message_id"] for line in logs if line["event"].startswith("event skipped")] == skipped
