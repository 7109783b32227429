"""Whatever arrives as a body: read, or refused in one way, without repeating what it says."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.common.messaging.retries import UnusableMessageError, parse_body
from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated
from tests.contract.documents import examples

MODELS: list[type[BaseModel]] = [OrderCreated, OrderOutcome]
REASONS = {"malformed_json", "unknown_type", "schema_violation"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
GOLDEN = {
    OrderCreated: examples("order.created.v1")["order.created.v1.full"],
    OrderOutcome: examples("order.failed.v1")["order.failed.v1.full"],
}
SECRET = "s3cret-Zoe"


@pytest.mark.parametrize("model", MODELS)
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
@example(body=b"[" * 100_000)
@example(body=b"9" * 100_000)
@example(body=b'{"id": "\\ud800"}')
@example(body=b'{"type": "order.created.v1", "data": ' + b'{"data":' * 5_000)
def test_any_body_is_read_or_refused(model: type[BaseModel], body: bytes) -> None:
    """No bytes and no JSON raise anything but `UnusableMessageError`, with a known reason."""
    try:
        parse_body(model.model_validate_json, body)
    except UnusableMessageError as error:
        reason = error.reason
        assert reason in REASONS


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=50)
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused(model: type[BaseModel], data: st.DataObject) -> None:
    """A good event with one value replaced, wherever it stands, does not surprise the parser."""
    document: Any = json.loads(json.dumps(GOLDEN[model]))
    part = document
    while isinstance(part, dict | list):
        places = sorted(part) if isinstance(part, dict) else range(len(part))
        parent, place = part, data.draw(st.sampled_from(places))
        part = parent[place]
        if data.draw(st.booleans()):
            break
    parent[place] = data.draw(JSON)
    test_any_body_is_read_or_refused.hypothesis.inner_test(model, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"not json", "malformed_json"),
        (b"\xff\xfe{}", "malformed_json"),
        (b"[]", "schema_violation"),
        (b"null", "schema_violation"),
        (b"{}", "schema_violation"),
        (json.dumps({**GOLDEN[OrderCreated], "type": "order.created.v2"}).encode(), "unknown_type"),
        (json.dumps({**GOLDEN[OrderCreated], "type": 1}).encode(), "unknown_type"),
        (json.dumps({**GOLDEN[OrderCreated], "data": {}}).encode(), "schema_violation"),
    ],
)
def test_reasons_tell_what_is_wrong(body: bytes, reason: str) -> None:
    """What is no JSON, of another version, or no such event."""
    with pytest.raises(UnusableMessageError) as caught:
        parse_body(OrderCreated.model_validate_json, body)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "change",
    [
        {"order_id": f"{SECRET} {SECRET}"},
        {"customer": SECRET},
        {"customer": {"name": f"{SECRET}\n", "email": "ada@example.com"}},
        {"customer": {"name": "Ada", "email": SECRET}},
        {"customer": {"name": "Ada", "email": f"{SECRET}<>@example.com"}},
        {"customer": {"name": "Ada", "email": f"ada@☃{SECRET}.com"}},
        {"reason": [SECRET]},
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
