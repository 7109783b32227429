"""Whatever arrives from the broker is settled, shown and replayed, in words that repeat none of it."""

import json
import re
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pamqp import decode, encode
from pydantic import BaseModel
from structlog.testing import capture_logs

from services.api.dead_letter_schemas import detail, summary
from services.common.messaging.dead_letter import dead_letter
from services.common.messaging.messages import Delivery, trace_fields
from services.common.messaging.properties import copy_properties, delivery_of
from services.common.messaging.retries import UnusableMessageError, parse_body, snake_case, with_retries
from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated
from tests.contract.documents import examples, schema
from tests.unit.fake_broker import delivered
from tests.unit.fakes import TRACEPARENT

MARK = "s3cret-Zoe"
REASON = schema("headers")["properties"]["x-dead-letter-reason"]
GOLDEN = {
    OrderCreated: examples("order.created.v1")["order.created.v1.full"],
    OrderOutcome: examples("order.failed.v1")["order.failed.v1.full"],
}
SETTLED = {"handled", "malformed_json", "unknown_type", "schema_violation", "invalid_headers"}
KNOWN = [
    *("x-attempt", "x-first-published-at", "traceparent", "tracestate", "baggage", "x-replays", "x-death"),
    *("x-dead-letter-reason", "x-dead-letter-error", "x-dead-lettered-at", "x-dead-lettered-from", "CC"),
    *("x-first-death-reason", "x-delivery-count", "x-retry-reason"),
]
marked = st.builds("{}{}{}".format, st.text(max_size=4), st.just(MARK), st.text(max_size=4))
scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 9), st.floats(), marked),
    *(st.binary(max_size=12), st.binary(max_size=12).map(bytearray), marked.map(str.encode)),
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    st.decimals(min_value=-(10**6), max_value=10**6, places=2),
    st.sampled_from([f"00-{MARK}-b-01", TRACEPARENT, "a" * 70, "rejected"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(marked, inner, max_size=3),
    max_leaves=5,
)
sound = {"x-attempt": 1, "x-first-published-at": 1_700_000_000_000, "traceparent": TRACEPARENT}
headers = st.one_of(
    st.just(sound),
    st.dictionaries(st.sampled_from(KNOWN) | marked, values, max_size=8),
    st.builds(lambda name, value: {**sound, name: value}, st.sampled_from(sorted(sound)), values),
)
ids = st.none() | st.just("") | marked
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | marked,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def received(headers: dict[str, Any], body: bytes = b"", *ids: str | None) -> Delivery:
    """Return a message of a dead-letter queue."""
    message_id, correlation_id, kind = ids or (None, None, None)
    queue = "worker.order-created.dlq"
    return Delivery(queue, "", queue, body, message_id, correlation_id, headers, redelivered=False, type=kind)


@st.composite
def bodies(draw: st.DrawFn, model: type[BaseModel]) -> bytes:
    """Draw any bytes, any JSON, or a good event with one field replaced."""
    document: Any = json.loads(json.dumps(GOLDEN[model]))
    part = draw(st.sampled_from([document, document["data"]]))
    part[draw(st.sampled_from(sorted(part)))] = draw(jsons)
    any_json = draw(jsons)
    drawn: bytes = draw(
        st.one_of(
            *(st.binary(), marked.map(lambda text: text.encode("utf-8", "surrogatepass"))),
            *(st.just(json.dumps(each).encode()) for each in (GOLDEN[model], document, any_json)),
        )
    )
    return drawn


@pytest.mark.parametrize("model", [OrderCreated, OrderOutcome])
@settings(max_examples=200, deadline=None)
@given(data=st.data())
async def test_any_message_is_settled_without_being_repeated(
    model: type[BaseModel], data: st.DataObject
) -> None:
    """Any properties, headers, body: a settlement with a known reason, no exception, none of the input."""
    drawn = {
        "message_id": data.draw(ids),
        "correlation_id": data.draw(ids),
        "headers": data.draw(headers),
    }
    message = delivered(data.draw(bodies(model)), drawn, redelivered=data.draw(st.booleans()))

    async def handle(_: BaseModel) -> str:
        return "handled"

    async def on_dead_letter(_: bytes, reason: str) -> None:
        assert reason in {*SETTLED, "redelivered_too_often"}

    process = with_retries(model.model_validate_json, handle, on_dead_letter=on_dead_letter)
    with capture_logs() as logs:
        settlement = await process(delivery_of(message, "worker.order-created"))
    assert settlement.outcome in {*SETTLED, "redelivered_too_often"}
    assert settlement.action == ("ack" if settlement.outcome == "handled" else "dead_letter")
    assert "s3cret" not in f"{settlement.error} {logs}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        *((body, "malformed_json") for body in (b"", b"not json", b"\xff\xfe{}", b'{"id": "\\ud800"}')),
        *((body, "malformed_json") for body in (b"[" * 100_000, b"9" * 100_000)),
        (b'{"type": "order.created.v1", "data": ' + b'{"data":' * 5_000, "malformed_json"),
        *((body, "schema_violation") for body in (b"[]", b"null", b"{}")),
        (json.dumps({**GOLDEN[OrderCreated], "type": "order.created.v2"}).encode(), "unknown_type"),
        (json.dumps({**GOLDEN[OrderCreated], "type": 1}).encode(), "unknown_type"),
        (json.dumps({**GOLDEN[OrderCreated], "data": {}}).encode(), "schema_violation"),
    ],
)
def test_reasons_say_what_is_wrong(body: bytes, reason: str) -> None:
    """What is no JSON, of another version, or no such event."""
    with pytest.raises(UnusableMessageError) as caught:
        parse_body(OrderCreated.model_validate_json, body)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "change",
    [
        {"order_id": f"{MARK} {MARK}"},
        {"customer": MARK},
        {"customer": {"name": f"{MARK}\n", "email": "ada@example.com"}},
        {"customer": {"name": "Ada", "email": MARK}},
        {"customer": {"name": "Ada", "email": f"{MARK}<>@example.com"}},
        {"customer": {"name": "Ada", "email": f"ada@☃{MARK}.com"}},
        {"reason": [MARK]},
    ],
)
def test_details_name_fields_and_not_what_stands_in_them(change: dict[str, Any]) -> None:
    """A dead letter's error goes into logs and headers: it must not carry what a customer said."""
    document = GOLDEN[OrderOutcome]
    body = json.dumps({**document, "data": {**document["data"], **change}}).encode()
    with pytest.raises(UnusableMessageError) as caught:
        parse_body(OrderOutcome.model_validate_json, body)
    [field] = change
    assert f"data.{field}" in str(caught.value)
    assert not [part for part in ("s3cret", "Zoe", "<", "é") if part in str(caught.value)]


def is_reason(text: str) -> bool:
    """Return whether a text is a reason by the header contract."""
    return bool(re.fullmatch(REASON["pattern"], text)) and len(text) <= REASON["maxLength"]


@settings(max_examples=300, deadline=None)
@given(delivery=st.builds(received, headers, st.binary(max_size=60), ids, ids, ids))
@example(delivery=received({"x-replays": 2**63 - 1, "x-dead-lettered-at": 2**63 - 1}))
@example(delivery=received({"x-dead-lettered-at": True, "x-dead-letter-reason": "a b"}))
@example(delivery=received({"other": b"\xff", "another": 1e300, "nested": {"a": [b"\xff"]}}))
def test_every_dead_letter_can_be_shown_and_replayed(delivery: Delivery) -> None:
    """A stranger's message breaks neither a list nor the replay, and its reason and trace id are such."""
    found = dead_letter(delivery)
    assert is_reason(found.reason)
    assert MARK not in str(trace_fields(delivery.headers))
    assert summary(found).model_dump_json()
    assert detail(found).model_dump_json()
    copy = copy_properties(delivery, found.replay().headers)
    sent = cast("dict[str, Any]", decode.field_table(encode.field_table(cast("Any", copy.headers)))[1])
    assert sent["x-attempt"] == 1
    assert sent["x-replays"] >= 1
    history = ("x-dead-letter", "x-retry-", "x-death", "x-first-death")
    assert not [name for name in sent if name.startswith(history)]


def test_bytes_stay_bytes() -> None:
    """What is no text is sent as a byte array; what AMQP's tables here have no form for, as its text."""
    copy = copy_properties(received({}), {"bytes": b"\xff", "huge": 1e300, "text": "é", "count": 7})
    assert copy.headers == {"bytes": bytearray(b"\xff"), "huge": "1e+300", "text": "é", "count": 7}


def test_every_error_has_a_name_that_is_a_reason() -> None:
    """Whatever class an exception is of, its label is one that metrics and headers take."""

    def known(kind: type[BaseException]) -> set[str]:
        return {kind.__name__, *(name for child in kind.__subclasses__() for name in known(child))}

    names = {*known(Exception), "_PrivateError", "Œuvre", "Error", "E" * 99}
    odd = [name for name in names if not is_reason(snake_case(type(name, (Exception,), {})()))]
    assert odd == []
