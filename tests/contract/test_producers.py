"""What the services send is what the contract promises."""

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.catalogue import CATALOGUE
from services.api.orders import created, price
from services.api.schemas import NewOrder
from services.common.ids import uuid7
from services.worker.messages import OrderReference
from services.worker.store import outcome
from tests.contract.documents import examples, problems, schema
from tests.contract.generate import documents

NEW_ORDERS = documents(NewOrder.model_json_schema())
SKUS = st.sampled_from(sorted(CATALOGUE))
REFERENCES = documents(schema("order.created.v1")["properties"]["data"])


@settings(deadline=None, max_examples=50)
@given(NEW_ORDERS, SKUS)
def test_whatever_order_is_accepted_its_event_is_well_formed(document: dict[str, Any], sku: str) -> None:
    """An order that a client may place becomes a valid `order.created.v1`."""
    for item in document["items"]:
        item["sku"] = sku
    new = NewOrder.model_validate_json(json.dumps(document))
    event = created(price(new, CATALOGUE, uuid7()), new, uuid7())
    assert problems("order.created.v1", orjson.loads(orjson.dumps(event))) == []


@settings(deadline=None, max_examples=50)
@given(REFERENCES)
def test_whatever_order_is_fulfilled_its_event_is_well_formed(data: dict[str, Any]) -> None:
    """A fulfilled order's outcome is a valid `order.done.v1` and says nothing of a reason."""
    event = sent(data, "done", None)
    assert problems("order.done.v1", event) == []
    assert event["data"] == {"order_id": data["order_id"], "customer": data["customer"]}


@settings(deadline=None, max_examples=50)
@given(REFERENCES, documents(schema("order.failed.v1")["properties"]["data"]["properties"]["reason"]))
def test_whatever_order_fails_its_event_is_well_formed(data: dict[str, Any], reason: str) -> None:
    """A failed order's outcome is a valid `order.failed.v1`."""
    event = sent(data, "failed", reason)
    assert problems("order.failed.v1", event) == []
    assert event["data"]["reason"] == reason


def test_customers_are_carried_on_whole() -> None:
    """Fields of a customer that the worker does not know reach whoever reads the outcome."""
    data = examples("order.created.v1")["order.created.v1.extended"]["data"]
    assert sent(data, "done", None)["data"]["customer"] == data["customer"]


def sent(data: dict[str, Any], status: Any, reason: str | None) -> dict[str, Any]:  # noqa: ANN401 - a Literal
    """Return an outcome as the worker's store serializes it."""
    reference = OrderReference.model_validate(data)
    event: dict[str, Any] = json.loads(outcome(reference, status, reason).model_dump_json(exclude_none=True))
    return event
