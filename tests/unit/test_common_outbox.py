"""The outbox: an entry comes out as it went in."""

from typing import Any, cast

import pytest

from services.common.outbox.stream import Outbox
from tests.unit.fakes import TRACEPARENT, Stream


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
    [message] = await outbox.read_new("relay-1", count=9, block_ms=1)
    assert (message.exchange, message.routing_key) == ("orders", "order.created.v1")
    assert (message.message_id, message.correlation_id) == ("event-1", "checkout-42")
    assert message.body.decode() == '{"name": "Zoë"}'
    assert set(message.headers) == {"traceparent", "b3", "x-attempt", "x-first-published-at"}


async def test_what_was_deleted_meanwhile_is_passed_over() -> None:
    """Redis returns such entries without fields."""
    stream = Stream([("1-1", cast("dict[str, str]", None))])
    outbox = Outbox(stream.as_redis(), "api", context=dict)
    assert await outbox.read_pending("relay-1", count=9) == []
