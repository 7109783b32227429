"""Whatever arrives from the broker is settled, in words that repeat none of it."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from structlog.testing import capture_logs

from services.common.messaging.properties import delivery_of
from services.common.messaging.retries import with_retries
from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated
from tests.contract.documents import examples
from tests.unit.fake_broker import delivered

MARK = "s3cret-Zoe"
REASONS = {
    *(
        "malformed_json",
        "unknown_type",
        "schema_violation",
        "invalid_headers",
        "redelivered_too_often",
        "handled",
    ),
}
GOLDEN = {
    OrderCreated: examples("order.created.v1")["order.created.v1.full"],
    OrderOutcome: examples("order.failed.v1")["order.failed.v1.full"],
}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

marked = st.builds("{}{}{}".format, st.text(max_size=4), st.just(MARK), st.text(max_size=4))
scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), marked),
    *(marked.map(str.encode), st.just(Decimal("1.5")), st.just(datetime(2026, 1, 1, tzinfo=UTC))),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(marked, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["x-attempt", "x-first-published-at", "traceparent", "x-delivery-count"])
sound = {"x-attempt": 1, "x-first-published-at": 1_700_000_000_000, "traceparent": TRACEPARENT}
headers = st.one_of(
    st.just(sound),
    st.dictionaries(names | marked, values | st.integers(0, 9), max_size=5),
    st.builds(lambda name, value: {**sound, name: value}, names, values),
)
ids = st.none() | st.just("") | marked
leaves = st.none() | st.booleans() | st.integers() | st.floats() | marked
jsons = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


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
        assert reason in REASONS

    process = with_retries(model.model_validate_json, handle, on_dead_letter=on_dead_letter)
    with capture_logs() as logs:
        settlement = await process(delivery_of(message, "worker.order-created"))
    assert settlement.outcome in REASONS
    assert re.fullmatch("[a-z_]+", settlement.outcome)
    assert settlement.action == ("ack" if settlement.outcome == "handled" else "dead_letter")
    assert "s3cret" not in f"{settlement.error} {logs}"
