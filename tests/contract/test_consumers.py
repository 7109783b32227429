"""What the contract allows is what every consumer can read."""

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


@pytest.mark.parametrize(("name", "model"), READERS)
def test_unknown_fields_are_ignored(name: str, model: type[BaseModel]) -> None:
    """Fields that the schema does not know make no difference to what a consumer reads."""
    extended = examples(name)[f"{name}.extended"]
    known = _known(extended, schema(name))
    assert known != extended
    # The worker carries the customer on, unread and therefore with all its fields.
    unread = {"data": {"customer"}}
    read = [model.model_validate_json(json.dumps(event)) for event in (known, extended)]
    assert read[0].model_dump(exclude=unread) == read[1].model_dump(exclude=unread)


@pytest.mark.parametrize(("name", "model"), READERS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_whatever_the_contract_allows_is_read(name: str, model: type[BaseModel], data: st.DataObject) -> None:
    """Each consumer's model takes every document of the schema, without optional and with unknown fields."""
    model.model_validate_json(json.dumps(data.draw(DOCUMENTS[name])))


@pytest.mark.parametrize(("name", "model"), READERS)
def test_the_most_that_the_contract_allows_is_read(name: str, model: type[BaseModel]) -> None:
    """Each consumer's model takes texts, numbers and lists up to the bounds of the schema."""
    most = _stretched(examples(name)[f"{name}.minimal"], schema(name))
    assert problems(name, most) == []
    model.model_validate_json(json.dumps(most))


def _stretched(part: Any, described: Schema) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(part, dict):
        return {name: _stretched(value, described["properties"][name]) for name, value in part.items()}
    if isinstance(part, list):
        return [_stretched(part[0], described["items"])] * described["maxItems"]
    if isinstance(part, int):
        return described.get("maximum", part)
    grows = "maxLength" in described and "format" not in described
    return part.ljust(described["maxLength"], part[-1]) if grows else part


def _known(document: Any, described: Schema) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(document, list):
        return [_known(item, described["items"]) for item in document]
    if not isinstance(document, dict):
        return document
    fields = described["properties"]
    return {name: _known(value, fields[name]) for name, value in document.items() if name in fields}
