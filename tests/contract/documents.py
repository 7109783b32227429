"""The contracts as the tests read them."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
EVENTS = ("order.created.v1", "order.done.v1", "order.failed.v1")
NAMES = (*EVENTS, "headers", "properties")

FORMATS = FormatChecker(["idn-email"])


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """Return whether a text is a time that exists; jsonschema leaves that to a library that we do without."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def schema(name: str) -> dict[str, Any]:
    """Return a JSON Schema of the contract."""
    return read(f"schemas/{name}.schema.json")  # type: ignore[no-any-return]


def read(path: str) -> Any:  # noqa: ANN401 - as varied as JSON
    """Return a JSON or YAML document of the contract."""
    text = (CONTRACTS / path).read_text()
    return yaml.safe_load(text) if path.endswith(".yaml") else json.loads(text)


def examples(name: str) -> dict[str, dict[str, Any]]:
    """Return a schema's golden examples by their file's name."""
    files = sorted((CONTRACTS / "examples").glob(f"{name}.*.json"))
    return {file.stem: json.loads(file.read_text()) for file in files}


def problems(name: str, document: object) -> list[str]:
    """Return what is wrong with a document, by a schema of the contract."""
    validator = Draft202012Validator(schema(name), format_checker=FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def objects(part: Mapping[str, Any], path: str = "$") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object that a schema describes, with its path."""
    if "properties" in part:
        yield path, part
    for name, inner in part.get("properties", {}).items():
        yield from objects(inner, f"{path}.{name}")
    if "items" in part:
        yield from objects(part["items"], f"{path}[]")
