"""The outbox: an entry comes out as it went in."""

from typing import cast

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


async def test_what_another_relay_has_removed_is_left_out() -> None:
    """Redis returns such entries without fields."""
    stream = Stream([("1-1", cast("dict[str, str]", None))])
    assert await Outbox(stream.as_redis(), "api", dict).read_pending("relay-1", 9) == []
