"""How spans are grouped, and what is said of their resources and scopes."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.otlp.span_exporter import encode
from tests.unit.otlp_samples import assert_as_stock, context, decoded, span

SCHEMA = "https://opentelemetry.io/schemas/1.37.0"


def test_resource_has_attributes_and_schema() -> None:
    """All of a resource's attributes are told, once for all of its spans."""
    resource = Resource({"service.name": "api", "process.pid": 7, "tags": ["a", "b"]}, SCHEMA)
    spans = [span(resource=resource), span(resource=resource)]
    (found,) = decoded(*spans).resource_spans
    assert [attribute.key for attribute in found.resource.attributes] == [
        "service.name",
        "process.pid",
        "tags",
    ]
    assert found.schema_url == SCHEMA
    assert len(found.scope_spans[0].spans) == 2
    assert_as_stock(*spans)


def test_scope_has_name_version_attributes_and_schema() -> None:
    """All that a scope says of itself is told, once for all of its spans."""
    scope = InstrumentationScope("orders", "1.2", SCHEMA, {"build": 7})
    spans = [span(scope=scope), span(scope=scope)]
    (found,) = decoded(*spans).resource_spans[0].scope_spans
    assert (found.scope.name, found.scope.version, found.schema_url) == ("orders", "1.2", SCHEMA)
    assert found.scope.attributes[0].value.int_value == 7
    assert_as_stock(*spans)


def test_missing_scope_is_present_and_empty() -> None:
    """OTLP reads an empty scope as "unknown"."""
    one = span(scope=None)
    assert decoded(one).resource_spans[0].scope_spans[0].HasField("scope")
    assert_as_stock(one)


def test_spans_are_grouped_by_equality_in_the_order_of_first_sight() -> None:
    """Equal resources and scopes share a group, also when they are different objects."""
    resources = [Resource({"service.name": name}) for name in ("api", "worker", "api")]
    scopes = [InstrumentationScope(name) for name in ("a", "b", "a")]
    spans = [
        span(own=context(number + 1), resource=resources[number % 3], scope=scopes[number // 3 % 3])
        for number in range(18)
    ]
    assert [len(group.scope_spans) for group in decoded(*spans).resource_spans] == [2, 2]
    assert_as_stock(*spans)


def test_scopes_of_one_name_that_differ_otherwise_are_kept_apart() -> None:
    """Version, schema and attributes belong to a scope's identity."""
    scopes = [
        InstrumentationScope("a"),
        InstrumentationScope("a", "1"),
        InstrumentationScope("a", "1", SCHEMA),
        InstrumentationScope("a", "1", SCHEMA, {"x": 1}),
        None,
    ]
    spans = [span(scope=scope) for scope in scopes]
    assert len(decoded(*spans).resource_spans[0].scope_spans) == 5
    assert_as_stock(*spans)


def test_empty_batch_is_an_empty_request() -> None:
    """No spans, no bytes."""
    assert encode([]) == b""
