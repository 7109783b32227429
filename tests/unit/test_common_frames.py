"""Frames written by hand: a broker reads from them what it reads from pamqp's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aio_pika import DeliveryMode, Message
from hypothesis import given
from hypothesis import strategies as st
from pamqp import constants
from pamqp.frame import unmarshal

from services.common.messaging.frames import content, event, frames
from services.common.messaging.messages import Outgoing

SHORT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.integers(-(2**63), 2**63 - 1)
CHANNEL = 258
ADDRESS = "orders", "order.created.v1"
EVENTS = st.builds(
    Outgoing,
    entry=st.just("1-1"),
    exchange=st.just("orders"),
    routing_key=SHORT,
    message_id=SHORT,
    correlation_id=SHORT,
    body=st.binary(max_size=50),
    headers=st.dictionaries(st.text(st.characters(codec="ascii"), max_size=100), TEXT | NUMBER),
)


def read(payload: bytes) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    """Return what frames say: the method's fields, those of the header, and the parts of the body."""
    found: list[Any] = []
    while payload:
        size, channel, frame = unmarshal(payload)
        assert channel == CHANNEL
        found.append(frame)
        payload = payload[size:]
    method, header, *bodies = found
    fields = {**dict(header.properties), "body_size": header.body_size}
    return dict(method), fields, [body.value for body in bodies]


@given(EVENTS, st.integers(1, 60))
def test_an_event_is_what_pamqp_makes_of_it(outgoing: Outgoing, max_size: int) -> None:
    """Property by property, header by header, and the body in as many frames."""
    theirs = Message(
        outgoing.body,
        headers={**outgoing.headers},
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        correlation_id=outgoing.correlation_id,
        message_id=outgoing.message_id,
        type=outgoing.routing_key,
        app_id="api",
    )
    method, fields, bodies = read(frames(CHANNEL, ADDRESS, event("api")(outgoing), max_size))
    assert abs(fields.pop("timestamp") - datetime.now(UTC)) < timedelta(minutes=1)
    _, expected, _ = read(frames(CHANNEL, ADDRESS, content(theirs), max_size))
    expected.pop("timestamp")
    expected["priority"] = None  # aio-pika says zero, which is what none means
    assert fields == expected
    assert (method["exchange"], method["routing_key"], method["mandatory"]) == (*ADDRESS, True)
    assert b"".join(bodies) == outgoing.body
    assert all(len(body) <= max_size for body in bodies)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"correlation_id": "é" * 128}, TypeError),
        ({"headers": {"n": 2**64}}, TypeError),
        ({"headers": {"s": "\ud800"}}, UnicodeEncodeError),
    ],
)
def test_what_amqp_cannot_carry_is_an_error(wrong: dict[str, Any], error: type[Exception]) -> None:
    """Nothing is cut, and nothing is sent that the broker would close the channel for."""
    with pytest.raises(error):
        event("api")(outgoing(**wrong))


def test_a_frame_ends_as_the_specification_says() -> None:
    """A broker closes the connection on any other octet."""
    assert frames(CHANNEL, ADDRESS, event("api")(outgoing()), 100)[-1] == constants.FRAME_END


def outgoing(**fields: Any) -> Outgoing:  # noqa: ANN401 - any field
    """Return a message, some of its fields otherwise."""
    plain = {"entry": "1-1", "exchange": "orders", "routing_key": "order.created.v1"}
    rest = {"message_id": "id", "correlation_id": "checkout-42", "body": b"{}", "headers": {"x-attempt": 1}}
    return Outgoing(**{**plain, **rest, **fields})
