"""The outbox: an entry comes out as it went in."""

from typing import cast

import pytest

from services.common.outbox import stream as module
from services.common.outbox.stream import Outbox
from tests.unit.fakes import TRACEPARENT, Stream


async def test_an_entry_comes_out_as_it_went_in() -> None:
    """Type, id, body and context survive the stream."""
    context = {"correlation_id": "checkout-42", "traceparent": TRACEPARENT, "b3": "x"}
    stream = Stream()
    outbox = Outbox(stream.as_redis(), "api", lambda: context)
    stream.add(outbox.fields("order.created.v1", "event-1", b'{"name": "Zo\xc3\xab"}'))
    [message] = await outbox.read_new("relay-1", 9, block_ms=1)
    assert (message.exchange, message.routing_key) == ("orders", "order.created.v1")
    assert (message.message_id, message.correlation_id) == ("event-1", "checkout-42")
    assert message.body.decode() == '{"name": "Zoë"}'
    assert set(message.headers) == {"traceparent", "b3", "x-attempt", "x-first-published-at"}


@pytest.mark.parametrize("known", ["", "1795426200125"])
async def test_the_time_of_the_first_publishing_stays(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often and by whomever an entry is read, and also in the entry of a sweeper."""
    stream = Stream()
    outbox = Outbox(stream.as_redis(), "api", dict)
    monkeypatch.setattr(module, "now_ms", lambda: 1_700_000_000_000)
    stream.add(outbox.fields("order.created.v1", "event-1", b"{}", known))
    monkeypatch.setattr(module, "now_ms", lambda: 1_800_000_000_000)
    stream.add([b"type", b"t", b"message_id", b"m", b"body", b"{}"])  # of a version that wrote no time
    stream.entries[1] = ("1750000000000-1", stream.entries[1][1])
    messages = [*await outbox.read_new("relay-1", 9, block_ms=1), *await outbox.read_pending("relay-2", 9)]
    times = [message.headers["x-first-published-at"] for message in messages]
    assert times == [int(known or 1_700_000_000_000), 1_750_000_000_000] * 2


async def test_what_another_relay_has_removed_is_left_out() -> None:
    """Redis returns such entries without fields."""
    stream = Stream([("1-1", cast("dict[str, str]", None))])
    assert await Outbox(stream.as_redis(), "api", dict).read_pending("relay-1", 9) == []
