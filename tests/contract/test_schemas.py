"""The schemas and their golden examples."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.contract.documents import EVENTS, NAMES, examples, objects, problems, schema

EXAMPLES = [(name, stem) for name in NAMES for stem in examples(name)]


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_json_schemas(name: str) -> None:
    """Each schema is a valid one of the dialect that it names."""
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(("name", "stem"), EXAMPLES)
def test_examples_are_what_the_schemas_describe(name: str, stem: str) -> None:
    """Each golden example is valid."""
    assert problems(name, examples(name)[stem]) == []


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_has_its_three_examples(name: str) -> None:
    """The least that an event may be, a full one, and one with fields that nobody knows yet."""
    assert set(examples(name)) == {f"{name}.{kind}" for kind in ("minimal", "full", "extended")}
    known = {path: set(part["properties"]) for path, part in objects(schema(name))}
    assert _fields(examples(name)[f"{name}.minimal"]) == known
    for path, fields in _fields(examples(name)[f"{name}.extended"]).items():
        assert path not in known or fields > known[path], f"{path} has no unknown field"


@pytest.mark.parametrize("name", EVENTS)
def test_events_may_get_new_fields(name: str) -> None:
    """No object of an event is closed: adding a field keeps version 1."""
    assert all(part.get("additionalProperties", True) for _, part in objects(schema(name)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "42"),
        ("type", "order.created.v2"),
        ("occurred_at", "2026-11-23T09:30:00+01:00"),
        ("occurred_at", "2026-02-30T09:30:00Z"),
        ("data.order_id", "019ab2f0-5c1e-4d3a-9f00-6b1f2c3d4e5f"),
        ("data.customer.email", "nobody"),
        ("data.customer.name", "Ada\r\nBcc: everyone@example.com"),
        ("data.items", []),
        ("data.total.amount", 12.5),
        ("data.total.currency", "euro"),
        ("data.payment.token", "4111111111111111"),
    ],
)
def test_malformed_values_are_refused(path: str, value: object) -> None:
    """Formats are exact, not decoration."""
    document = examples("order.created.v1")["order.created.v1.full"]
    *parents, field = path.split(".")
    _at(document, ".".join(["$", *parents]))[field] = value
    assert len(problems("order.created.v1", document)) == 1


def _at(document: Any, path: str) -> Any:  # noqa: ANN401 - any part of a JSON document
    for step in path.split(".")[1:]:
        document = document[step.removesuffix("[]")]
        document = document[0] if step.endswith("[]") else document
    return document


def _fields(part: Any, path: str = "$") -> dict[str, set[str]]:  # noqa: ANN401 - any part of a JSON document
    if isinstance(part, list):
        return _fields(part[0], f"{path}[]")
    if not isinstance(part, dict):
        return {}
    fields = {path: set(part)}
    for name, inner in part.items():
        fields |= _fields(inner, f"{path}.{name}")
    return fields
