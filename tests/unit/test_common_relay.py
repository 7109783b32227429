"""What a relay sends again, and how, after it has lost its channel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.common.messaging.messages import Outgoing
from services.common.outbox.relay import Relay


@dataclass
class Box:
    """Stands for an outbox, of which some events are in hand."""

    entries: list[str]

    async def take_back(self, _: str, *, count: int) -> list[Outgoing]:
        """Return what is in hand."""
        return [Outgoing(entry, "x", "k", f"m-{entry}", "c", b"{}", {}) for entry in self.entries[:count]]

    async def remove(self, confirmed: Sequence[str]) -> None:
        """Forget what was confirmed."""
        self.entries = [entry for entry in self.entries if entry not in confirmed]


@dataclass
class Broker:
    """Stands for publishing; `error` is what becomes of a batch with the entry that it is about."""

    error: Exception
    about: str
    batches: list[str] = field(default_factory=list)

    async def publish(self, messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        """Confirm a batch, or none of it."""
        entries = [message.entry for message in messages]
        self.batches.append("".join(entries))
        return [self.error if self.about in entries else None for _ in entries]


async def resent(broker: Broker, times: int) -> tuple[list[str], Box]:
    """Have a relay begin anew so often; return what was sent together each time, and what is left."""
    box: Any = Box(list("abc"))
    nobody: Any = None
    relay = Relay(box, nobody, "api", "api-1")
    for _ in range(times):
        try:
            await relay._resend(broker.publish)  # noqa: SLF001 - what a relay begins with
        except (ConnectionError, TimeoutError):
            continue
    return broker.batches, box


async def test_an_event_that_breaks_the_channel_is_found_and_put_off() -> None:
    """All together first, then one by one; the one that breaks it alone is left out after its second time."""
    with capture_logs() as logs:
        batches, box = await resent(Broker(ConnectionError("closed"), "b"), times=4)
    assert batches == ["abc", "a", "b", "b", "c"]
    assert box.entries == ["b"]
    assert [line["message_id"] for line in logs if line["event"].startswith("event put off")] == ["m-b"]


async def test_a_slow_broker_is_no_reason_to_send_one_by_one() -> None:
    """Each would wait as long as all together."""
    batches, _ = await resent(Broker(TimeoutError("no confirm"), "b"), times=3)
    assert batches == ["abc", "abc", "abc"]


@pytest.mark.parametrize("error", [TypeError("too long"), ValueError("no number")])
async def test_what_cannot_be_encoded_breaks_nothing(error: Exception) -> None:
    """It stays, and is no reason to begin anew."""
    relay_error = Broker(error, "a")
    batches, box = await resent(relay_error, times=1)
    assert batches == ["abc"]
    assert box.entries == ["a", "b", "c"]
