"""What requests of all signals have in common: records in groups, by resource and within it by scope.

Messages: `resource.proto` and `common.proto` of https://github.com/open-telemetry/opentelemetry-proto, and
what encloses spans in `trace.proto` and log records in `logs.proto`, with the same numbers in both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.otlp.values import attributes
from observability.otlp.wire import DELIMITED, delimited, string, tag

# Of `Export…ServiceRequest`, `Resource…`, `Resource`, `Scope…`, and of both groups.
_GROUPS = tag(1, DELIMITED)
_RESOURCE, _SCOPE_GROUPS = tag(1, DELIMITED), tag(2, DELIMITED)
_RESOURCE_ATTRIBUTES = tag(1, DELIMITED)
_SCOPE, _RECORDS = tag(1, DELIMITED), tag(2, DELIMITED)
_SCHEMA_URL = tag(3, DELIMITED)
# Of `InstrumentationScope`.
_NAME, _VERSION, _ATTRIBUTES = tag(1, DELIMITED), tag(2, DELIMITED), tag(3, DELIMITED)

Scopes: TypeAlias = Mapping[InstrumentationScope | None, list[bytes]]
"""Records, each as `record` returns it, by scope; None when there is none."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request, the number of items in it, and what was wrong with those that are not."""

    payload: bytes
    items: int
    problem: str = ""


def record(content: bytes) -> bytes:
    """Return a span or a log record as a field of its scope's group."""
    return delimited(_RECORDS, content)


def request(groups: Mapping[Resource, Scopes]) -> bytes:
    """Return the request with these groups."""
    return b"".join([delimited(_GROUPS, _resource_group(*group)) for group in groups.items()])


def _resource_group(resource: Resource, scopes: Scopes) -> bytes:
    return (
        delimited(_RESOURCE, attributes(_RESOURCE_ATTRIBUTES, resource.attributes))
        + b"".join([delimited(_SCOPE_GROUPS, _scope_group(scope, some)) for scope, some in scopes.items()])
        + string(_SCHEMA_URL, resource.schema_url)
    )


def _scope_group(scope: InstrumentationScope | None, records: list[bytes]) -> bytes:
    # Without a scope the message is present and empty, which OTLP reads as "unknown".
    content, schema_url = (_scope(scope), scope.schema_url) if scope else (b"", None)
    return delimited(_SCOPE, content) + b"".join(records) + string(_SCHEMA_URL, schema_url)


def _scope(scope: InstrumentationScope) -> bytes:
    return (
        string(_NAME, scope.name)
        + string(_VERSION, scope.version)
        + attributes(_ATTRIBUTES, scope.attributes)
    )
