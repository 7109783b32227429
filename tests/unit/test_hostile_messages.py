"""Whatever arrives over AMQP: settled or set aside with a reason in one word, and nothing of it repeated."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aio_pika.abc import AbstractIncomingMessage
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pamqp import decode, encode

from services.api.letters import letter, whole_letter
from services.kit.errors import describe
from services.kit.letters import dead_letter, replay_of
from services.kit.messages import copy_of, from_amqp, trace_fields
from services.kit.recovery import UnusableMessageError, check_headers, parse_body, recoverable, snake_case
from services.kit.settle import dead_letter_headers
from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated, Unusable
from tests.contract.documents import problems, schema

PARSERS: list[Callable[[bytes], Any]] = [
    OrderCreated.model_validate_json,
    OrderOutcome.model_validate_json,
    Unusable.model_validate_json,
]
MARK = "zq7"
"""Stands in texts of the input, and in nothing that is ours."""
KNOWN = [
    *("x-attempt", "x-first-published-at", "traceparent", "tracestate", "baggage", "x-replays", "x-death"),
    *("x-dead-letter-reason", "x-dead-letter-error", "x-dead-lettered-at", "x-dead-lettered-from", "CC"),
    *("x-first-death-reason", "x-delivery-count", "x-retry-reason", "correlation_id"),
]
REASON = schema("headers")["properties"]["x-dead-letter-reason"]
texts = st.text(max_size=12).map(lambda text: MARK + text)
INT64 = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    INT64,
    st.floats(),
    texts,
    st.binary(max_size=12),
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    st.decimals(min_value=-(10**6), max_value=10**6, places=2),
    st.sampled_from([f"00-{MARK}-b-01", f"00-{'1' * 32}-{'2' * 16}-01", 2**63 - 1, "a" * 70]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
headers = st.dictionaries(st.sampled_from(KNOWN) | texts, values, max_size=8)
json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "data", "order_id", "customer", "items"]) | texts, inner
        )
    ),
    max_leaves=12,
)
bodies = st.binary(max_size=60) | json_documents.map(lambda document: json.dumps(document).encode())


@dataclass
class Message:
    """A message as aio-pika hands it over."""

    body: bytes
    headers: dict[str, Any]
    message_id: str | None
    correlation_id: str | None
    type: str | None = None
    exchange: str | None = "orders"
    routing_key: str | None = "order.created.v1"
    redelivered: bool | None = False
    content_type: str | None = "application/json"
    content_encoding: str | None = None
    timestamp: datetime | None = None
    app_id: str | None = None

    def incoming(self) -> AbstractIncomingMessage:
        """Return itself as what it stands for."""
        return cast("AbstractIncomingMessage", self)


properties = st.none() | st.text(max_size=30)
messages = st.builds(Message, bodies, headers, properties, properties, properties)


def is_reason(text: str) -> bool:
    """Tell whether a text is a reason by the header contract."""
    return bool(re.fullmatch(REASON["pattern"], text)) and len(text) <= REASON["maxLength"]


def assert_silent(text: str) -> None:
    """Hold a text to telling nothing of what arrived."""
    assert MARK not in text


@pytest.mark.parametrize("parse", PARSERS)
@settings(max_examples=150, deadline=None)
@given(message=messages)
async def test_every_message_is_settled_in_one_word(parse: Callable[[bytes], Any], message: Message) -> None:
    """Handled, or set aside with a reason that the contract takes, and an error that repeats nothing."""

    async def handle(_: object) -> str:
        return "done"

    async def give_up(_: bytes, __: str) -> None:
        return

    process = recoverable(parse, handle, give_up=give_up)
    settlement = await process(from_amqp(message.incoming(), "worker.order-created"))
    assert settlement.action in {"ack", "dead_letter"}
    assert settlement.error is None or isinstance(settlement.error, UnusableMessageError)
    told = dead_letter_headers("worker.order-created", settlement)
    assert problems("headers", {"x-attempt": 1, "x-first-published-at": 1, **told}) == []
    assert_silent(str(settlement.error))


@pytest.mark.parametrize("parse", PARSERS)
@settings(max_examples=150, deadline=None)
@given(body=bodies)
@example(body=json.dumps({"data": {"order_id": "1", "customer": {MARK: float("inf")}}}).encode())
@example(body=b'{"zq7": zq7}')
@example(body=b'{"type": "\\uzq7"}')
def test_no_body_is_repeated(parse: Callable[[bytes], Any], body: bytes) -> None:
    """Neither names nor values of a body that is refused stand in the detail."""
    try:
        parse_body(parse, body)
    except UnusableMessageError as error:
        assert_silent(str(error))
        assert_silent(describe(error))


@settings(max_examples=300, deadline=None)
@given(message=messages)
def test_header_checks_are_silent(message: Message) -> None:
    """Headers are passed or refused, and what is noted of them is a trace id or nothing."""
    delivery = from_amqp(message.incoming(), "worker.order-created")
    assert_silent(str(trace_fields(delivery.headers)))
    assert delivery.attempt >= 1
    assert isinstance(delivery.redeliveries, int)
    try:
        check_headers(delivery)
    except UnusableMessageError as error:
        assert_silent(f"{error.reason} {error}")


@settings(max_examples=300, deadline=None)
@given(message=messages)
@example(message=Message(b"", {"x-replays": 2**63 - 1, "x-dead-lettered-at": 2**63 - 1}, None, None))
@example(message=Message(b"", {"x-dead-lettered-at": True, "x-dead-letter-reason": "a b"}, None, None))
def test_every_dead_letter_can_be_shown_and_sent_again(message: Message) -> None:
    """A stranger's message in a dead-letter queue neither breaks a list nor the replay."""
    found = dead_letter(message.incoming(), "worker.order-created.dlq")
    assert is_reason(found.reason)
    assert letter(found).model_dump_json()
    assert whole_letter(found).model_dump_json()
    replay = replay_of(found)
    copy = copy_of(message.incoming(), replay.headers)

    told = cast("dict[str, Any]", decode.field_table(encode.field_table(cast("Any", copy.headers)))[1])
    assert told["x-attempt"] == 1
    assert told["x-replays"] >= 1


def test_every_error_has_a_name_that_is_a_reason() -> None:
    """Whatever class an exception is of, its label is one that metrics and headers take."""

    def known(kind: type[BaseException]) -> set[str]:
        return {kind.__name__, *(name for child in kind.__subclasses__() for name in known(child))}

    names = {*known(Exception), "_PrivateError", "Œuvre", "Error", "E" * 99}
    odd = [name for name in names if not is_reason(snake_case(type(name, (Exception,), {})()))]
    assert odd == []
