"""What the services send is what the contract promises."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.catalogue import CATALOGUE
from services.api.orders import created, price
from services.api.schemas import NewOrder
from services.common.ids import uuid7
from services.worker.messages import OrderReference
from services.worker.store import outcome
from tests.contract.documents import problems, schema
from tests.contract.generate import documents

FIFTY = settings(deadline=None, max_examples=50)
NEW_ORDERS = documents(NewOrder.model_json_schema())
SKUS = st.sampled_from(sorted(CATALOGUE))
REFERENCES = documents(schema("order.created.v1")["properties"]["data"])
REASONS = documents(schema("order.failed.v1")["properties"]["data"]["properties"]["reason"])


@FIFTY
@given(NEW_ORDERS, SKUS)
def test_whatever_order_is_accepted_its_event_is_well_formed(document: dict[str, Any], sku: str) -> None:
    """An order that a client may place becomes a valid `order.created.v1`."""
    for item in document["items"]:
        item["sku"] = sku
    new = NewOrder.model_validate_json(json.dumps(document))
    event = created(price(new, CATALOGUE, uuid7()), new, uuid7())
    assert problems("order.created.v1", event.model_dump(mode="json")) == []


@FIFTY
@given(REFERENCES, st.none() | REASONS)
def test_whatever_order_is_settled_its_event_is_well_formed(data: dict[str, Any], reason: str | None) -> None:
    """An outcome is a valid `order.done.v1` or `order.failed.v1`, with all fields of the customer."""
    status: Any = "failed" if reason else "done"
    event = outcome(OrderReference.model_validate(data), status, reason)
    sent = json.loads(event.model_dump_json(exclude_none=True))
    assert problems(f"order.{status}.v1", sent) == []
    because = {"reason": reason} if reason else {}
    assert sent["data"] == {"order_id": data["order_id"], "customer": data["customer"], **because}
