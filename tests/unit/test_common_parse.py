"""What no event is refused with a reason, without repeating what it says; `hostile_messages` has any body."""

import json
from typing import Any

import pytest

from services.common.messaging.retries import UnusableMessageError, parse_body
from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated
from tests.contract.documents import examples

GOLDEN = {
    OrderCreated: examples("order.created.v1")["order.created.v1.full"],
    OrderOutcome: examples("order.failed.v1")["order.failed.v1.full"],
}
SECRET = "s3cret-Zoe"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"not json", "malformed_json"),
        (b"\xff\xfe{}", "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"type": "order.created.v1", "data": ' + b'{"data":' * 5_000, "malformed_json"),
        (b'{"id": "\\ud800"}', "malformed_json"),
        (b"9" * 100_000, "malformed_json"),
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
