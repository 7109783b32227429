"""`openapi.json` is the application's own, and is right."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from observability.metrics import metrics_route, new_registry
from services.api.catalogue import CATALOGUE
from services.api.openapi import document
from services.api.problems import MEDIA_TYPE
from services.api.schemas import NewOrder
from services.common.probes import probe_routes
from services.worker.settings import STOCK
from tests.contract.documents import read
from tests.contract.test_asyncapi import all_references

DOCUMENT: dict[str, Any] = read("openapi.json")
PROBLEM = {"$ref": "#/components/schemas/Problem"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every operation with its path and method."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


V1 = [pytest.param(o, id=f"{m} {p}") for p, m, o in operations() if p.startswith("/v1/")]


def test_the_file_is_what_the_application_says() -> None:
    """`make contracts` would change nothing."""
    assert document() == DOCUMENT


def test_references_and_schemas_are_sound() -> None:
    """OpenAPI 3.1: each reference leads to a component, each component is a JSON Schema and is used."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemas = DOCUMENT["components"]["schemas"]
    assert set(all_references(DOCUMENT)) == {f"#/components/schemas/{name}" for name in schemas}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_each_operation_has_an_id() -> None:
    """It is unique among those of version 1, and clients are generated from it."""
    ids = [operation["operationId"] for path, _, operation in operations() if path.startswith("/v1/")]
    assert len(ids) == len(set(ids)) == 16


@pytest.mark.parametrize("operation", V1)
def test_every_answer_is_documented(operation: dict[str, Any]) -> None:
    """Errors, the rate limit's and the store's among them, as problem+json, and what a success is."""
    errors = {status: r for status, r in operation["responses"].items() if int(status) >= 400}
    assert set(errors) >= {"422", "429", "500", "503"}
    for response in errors.values():
        assert response["content"] == {MEDIA_TYPE: {"schema": PROBLEM}}

    [success] = [r for status, r in operation["responses"].items() if status in {"200", "202"}]
    [content] = success["content"].items()
    assert content[0] == "text/event-stream" or "$ref" in content[1]["schema"]


def test_probes_and_metrics_are_documented() -> None:
    """What is not under `/v1` is served by every process, and stands in the document."""
    registry = new_registry(service="api", version="1", environment="test")
    served = [*probe_routes({}, lambda: False), metrics_route(registry)]
    assert {r.path for r in served} == {path for path, _, _ in operations() if not path.startswith("/v1/")}


def test_the_example_can_be_ordered_as_it_stands() -> None:
    """The POST's example is accepted, and everything in it is for sale."""
    body = DOCUMENT["paths"]["/v1/orders"]["post"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    [example] = DOCUMENT["components"]["schemas"][name]["examples"]
    order = NewOrder.model_validate(example)
    assert {item.sku for item in order.items} <= set(CATALOGUE)


def test_what_is_for_sale_is_in_stock() -> None:
    """The api's catalogue and the worker's first stock name the same products."""
    assert set(CATALOGUE) == set(STOCK)
