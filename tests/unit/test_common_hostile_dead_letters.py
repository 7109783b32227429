"""Whatever lies in a dead-letter queue can be shown and replayed, with a reason in one word."""

import re
from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pamqp import decode, encode

from services.api.dead_letter_schemas import detail, summary
from services.common.messaging.dead_letter import dead_letter
from services.common.messaging.messages import Delivery, trace_fields
from services.common.messaging.properties import copy_properties
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


deliveries = st.builds(
    lambda body, headers, *ids: received(headers, body, *ids),
    st.binary(max_size=60),
    st.dictionaries(st.sampled_from(KNOWN) | texts, values, max_size=8),
    *(properties, properties, properties),
)


def received(
    headers: dict[str, Any],
    body: bytes = b"",
    message_id: str | None = None,
    correlation_id: str | None = None,
    kind: str | None = None,
) -> Delivery:
    """Return a message of a dead-letter queue."""
    queue = "worker.order-created.dlq"
    return Delivery(queue, "", queue, body, message_id, correlation_id, headers, redelivered=False, type=kind)


def is_reason(text: str) -> bool:
    """Tell whether a text is a reason by the header contract."""
    return bool(re.fullmatch(REASON["pattern"], text)) and len(text) <= REASON["maxLength"]


@settings(max_examples=300, deadline=None)
@given(delivery=deliveries)
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
    assert not [
        name for name in sent if name.startswith(("x-dead-letter", "x-retry-", "x-death", "x-first-death"))
    ]


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
