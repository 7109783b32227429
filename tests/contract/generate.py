"""Documents drawn from a JSON Schema: everything that a contract allows, however odd."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schema = Mapping[str, Any]

LETTERS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
EMAILS = st.builds("{}+{}@{}.example".format, LETTERS, LETTERS, LETTERS)
TIMES = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat().replace("+00:00", "Z"))
UNKNOWN = st.dictionaries(
    st.from_regex(r"future_[a-z]{1,5}", fullmatch=True), st.none() | st.text(), max_size=2
)


def documents(schema: Schema, definitions: Schema | None = None) -> SearchStrategy[Any]:
    """Return a strategy for a schema; knows the keywords that our contracts use."""
    within = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return documents(within[schema["$ref"].rpartition("/")[2]], within)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return KINDS[schema["type"]](schema, within)


def _objects(schema: Schema, within: Schema) -> SearchStrategy[Any]:
    parts = {name: documents(inner, within) for name, inner in schema["properties"].items()}
    required = {name: part for name, part in parts.items() if name in schema["required"]}
    optional = {name: part for name, part in parts.items() if name not in required}
    known = st.fixed_dictionaries(required, optional=optional)
    if schema.get("additionalProperties") is False:
        return known
    return st.builds(lambda extra, own: {**extra, **own}, UNKNOWN, known)


def _arrays(schema: Schema, within: Schema) -> SearchStrategy[Any]:
    few = min(schema["maxItems"], 4)
    return st.lists(documents(schema["items"], within), min_size=schema["minItems"], max_size=few)


def _integers(schema: Schema, _: Schema) -> SearchStrategy[Any]:
    return st.integers(schema["minimum"], schema.get("maximum", 2**53))


def _strings(schema: Schema, _: Schema) -> SearchStrategy[Any]:
    if schema.get("format") == "idn-email":
        return EMAILS
    if schema.get("format") == "date-time":
        return TIMES
    # "$" also matches before a line break in Python; fullmatch does not.
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 10_000)
    text = st.from_regex(schema["pattern"], fullmatch=True, alphabet=st.characters(codec="utf-8"))
    return text.filter(lambda value: shortest <= len(value) <= longest)


KINDS: Mapping[str, Callable[[Schema, Schema], SearchStrategy[Any]]] = {
    "object": _objects,
    "array": _arrays,
    "integer": _integers,
    "string": _strings,
}
