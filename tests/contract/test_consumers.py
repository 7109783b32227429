"""What the contract promises is what every consumer can read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated, Unusable
from tests.contract.documents import examples, problems, schema
from tests.contract.generate import Schema, documents

READERS: list[tuple[str, type[BaseModel]]] = [
    ("order.created.v1", OrderCreated),
    ("order.created.v1", Unusable),
    ("order.done.v1", OrderOutcome),
    ("order.failed.v1", OrderOutcome),
]
DOCUMENTS = {name: documents(schema(name)) for name, _ in READERS}
GOLDEN = [(stem, model) for name, model in READERS for stem in examples(name)]


@pytest.mark.parametrize(("stem", "model"), GOLDEN)
def test_every_golden_example_is_read(stem: str, model: type[BaseModel]) -> None:
    """Each consumer's own model takes each example and finds in it what was put there."""
    example = examples(stem.rpartition(".")[0])[stem]
    event = model.model_validate_json(json.dumps(example))
    assert event.model_dump()["data"]["order_id"] == example["data"]["order_id"]


@pytest.mark.parametrize(("name", "model"), READERS)
def test_unknown_fields_are_ignored(name: str, model: type[BaseModel]) -> None:
    """Fields that the schema does not know make no difference to what a consumer reads."""
    extended = examples(name)[f"{name}.extended"]
    known = _known(extended, schema(name))
    assert known != extended
    # The worker carries the customer on, unread and therefore whole.
    unread = {"data": {"customer"}}
    read = [model.model_validate_json(json.dumps(event)) for event in (known, extended)]
    assert read[0].model_dump(exclude=unread) == read[1].model_dump(exclude=unread)


@pytest.mark.parametrize(("name", "model"), READERS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_whatever_the_contract_allows_is_read(name: str, model: type[BaseModel], data: st.DataObject) -> None:
    """Each consumer's model takes every document of the schema, unknown fields included."""
    model.model_validate_json(json.dumps(data.draw(DOCUMENTS[name])))


@pytest.mark.parametrize(("name", "model"), READERS)
def test_the_most_that_the_contract_allows_is_read(name: str, model: type[BaseModel]) -> None:
    """Each consumer's model takes texts, numbers and lists up to the bounds of the schema."""
    most = _stretched(examples(name)[f"{name}.minimal"], schema(name))
    assert problems(name, most) == []
    model.model_validate_json(json.dumps(most))


@pytest.mark.parametrize(("name", "model"), READERS)
def test_consumers_require_only_what_is_promised(name: str, model: type[BaseModel]) -> None:
    """No consumer requires a field that the schema does not require."""
    read = model.model_json_schema()
    _assert_promised(read, read.get("$defs", {}), schema(name), name)


@pytest.mark.parametrize("name", ["order.done.v1", "order.failed.v1"])
def test_a_customer_is_the_same_in_every_event(name: str) -> None:
    """The worker carries the customer on unread: what one event promises of it, so do the others."""
    customers = [
        schema(event)["properties"]["data"]["properties"]["customer"] for event in ("order.created.v1", name)
    ]
    assert customers[0] == customers[1]


def _assert_promised(read: Schema, definitions: Schema, told: Schema, path: str) -> None:
    if "$ref" in read:
        read = definitions[read["$ref"].rpartition("/")[2]]
    if "items" in read:
        _assert_promised(read["items"], definitions, told["items"], f"{path}[]")
    assert set(read.get("required", ())) <= set(told.get("required", ())), path
    for field, inner in read.get("properties", {}).items():
        if field in told["properties"]:
            _assert_promised(inner, definitions, told["properties"][field], f"{path}.{field}")


def _stretched(part: Any, promised: Schema) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(part, dict):
        return {name: _stretched(value, promised["properties"][name]) for name, value in part.items()}
    if isinstance(part, list):
        return [_stretched(part[0], promised["items"])] * promised["maxItems"]
    if isinstance(part, int):
        return promised.get("maximum", part)
    grows = "maxLength" in promised and "format" not in promised
    return part.ljust(promised["maxLength"], part[-1]) if grows else part


def _known(document: Any, promised: Schema) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(document, list):
        return [_known(item, promised["items"]) for item in document]
    if not isinstance(document, dict):
        return document
    fields = promised["properties"]
    return {name: _known(value, fields[name]) for name, value in document.items() if name in fields}
