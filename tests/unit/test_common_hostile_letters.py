"""Whatever lies in a dead-letter queue can be shown, set aside and replayed, with a reason in one word."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from aio_pika.abc import AbstractIncomingMessage
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pamqp import decode, encode

from services.api.letters import letter, whole_letter
from services.common.messaging.dead_letter import dead_letter, replay_of
from services.common.messaging.messages import copy_of, trace_fields
from services.common.messaging.retries import snake_case
from tests.contract.documents import schema

REASON = schema("headers")["properties"]["x-dead-letter-reason"]
MARK = "zq7"
KNOWN = [
    *("x-attempt", "x-first-published-at", "traceparent", "tracestate", "baggage", "x-replays", "x-death"),
    *("x-dead-letter-reason", "x-dead-letter-error", "x-dead-lettered-at", "x-dead-lettered-from", "CC"),
    *("x-first-death-reason", "x-delivery-count", "x-retry-reason"),
]
texts = st.text(max_size=12).map(lambda text: MARK + text)
scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), texts),
    *(st.binary(max_size=12), st.binary(max_size=12).map(bytearray)),
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    st.decimals(min_value=-(10**6), max_value=10**6, places=2),
    st.sampled_from([f"00-{MARK}-b-01", f"00-{'1' * 32}-{'2' * 16}-01", 2**63 - 1, "a" * 70, "rejected"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
properties = st.none() | st.text(max_size=30)


@dataclass
class Message:
    """A message as aio-pika hands it over."""

    body: bytes
    headers: dict[str, Any]
    message_id: str | None = None
    correlation_id: str | None = None
    type: str | None = None
    exchange: str | None = ""
    routing_key: str | None = "worker.order-created.dlq"
    redelivered: bool | None = False
    content_type: str | None = None
    content_encoding: str | None = None
    timestamp: datetime | None = None
    app_id: str | None = None

    def incoming(self) -> AbstractIncomingMessage:
        """Return itself as what it stands for."""
        return cast("AbstractIncomingMessage", self)


messages = st.builds(
    Message,
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(KNOWN) | texts, values, max_size=8),
    *(properties, properties, properties),
)


def is_reason(text: str) -> bool:
    """Tell whether a text is a reason by the header contract."""
    return bool(re.fullmatch(REASON["pattern"], text)) and len(text) <= REASON["maxLength"]


@settings(max_examples=300, deadline=None)
@given(message=messages)
@example(message=Message(b"", {"x-replays": 2**63 - 1, "x-dead-lettered-at": 2**63 - 1}))
@example(message=Message(b"", {"x-dead-lettered-at": True, "x-dead-letter-reason": "a b"}))
@example(message=Message(b"", {"other": b"\xff", "another": 1e300, "nested": {"a": [b"\xff"]}}))
def test_every_letter_can_be_shown_and_sent_again(message: Message) -> None:
    """A stranger's message breaks neither a list nor the replay, and its reason and trace id are such."""
    found = dead_letter(message.incoming(), "worker.order-created.dlq")
    assert is_reason(found.reason)
    assert MARK not in str(trace_fields(found.headers))
    assert letter(found).model_dump_json()
    assert whole_letter(found).model_dump_json()
    copy = copy_of(message.incoming(), replay_of(found).headers)
    sent = cast("dict[str, Any]", decode.field_table(encode.field_table(cast("Any", copy.headers)))[1])
    assert sent["x-attempt"] == 1
    assert sent["x-replays"] >= 1


def test_bytes_stay_bytes() -> None:
    """What is no text is sent as a byte array; what AMQP's tables here have no form for, as its text."""
    message = Message(b"", {})
    copy = copy_of(message.incoming(), {"bytes": b"\xff", "huge": 1e300, "text": "é", "count": 7})
    assert copy.headers == {"bytes": bytearray(b"\xff"), "huge": "1e+300", "text": "é", "count": 7}


def test_every_error_has_a_name_that_is_a_reason() -> None:
    """Whatever class an exception is of, its label is one that metrics and headers take."""

    def known(kind: type[BaseException]) -> set[str]:
        return {kind.__name__, *(name for child in kind.__subclasses__() for name in known(child))}

    names = {*known(Exception), "_PrivateError", "Œuvre", "Error", "E" * 99}
    odd = [name for name in names if not is_reason(snake_case(type(name, (Exception,), {})()))]
    assert odd == []
