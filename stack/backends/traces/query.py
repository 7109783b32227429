"""Searching traces: the parameters of Jaeger's `/api/v3/traces`, and which spans satisfy them."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, Json

from stack.backends.traces import otlp
from stack.backends.traces.store import Span, TraceStore

UNITS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
PART = re.compile(r"(\d{1,18}(?:\.\d{0,18})?)(ns|us|µs|ms|s|m|h)", re.ASCII)


def nanoseconds(text: str) -> int:
    """Return a duration of Go, such as `250ms` or `1m30s`; anything else is a ValueError."""
    parts = PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("not a duration such as 250ms or 1m30s")
    return int(sum(float(number) * UNITS[unit] for number, unit in parts))


class Query(BaseModel):
    """What to look for; an empty text asks for nothing."""

    start_min: AwareDatetime = Field(alias="query.startTimeMin")
    start_max: AwareDatetime = Field(alias="query.startTimeMax")
    service: str = Field("", alias="query.serviceName")
    operation: str = Field("", alias="query.operationName")
    attributes: Json[dict[str, str]] = Field({}, alias="query.attributes")
    duration_min: Annotated[int, BeforeValidator(nanoseconds)] = Field(0, alias="query.durationMin")
    duration_max: Annotated[int, BeforeValidator(nanoseconds)] = Field(2**63, alias="query.durationMax")
    depth: int = Field(100, alias="query.searchDepth", ge=1, lt=2**31)


def find(store: TraceStore, query: Query) -> list[dict[str, Span]]:
    """Return the newest traces of which one span satisfies the query, at most `query.depth`."""
    start, end = (int(moment.timestamp() * 1e6) * 1000 for moment in (query.start_min, query.start_max))

    def satisfies(span: Span) -> bool:
        return (
            query.service in ("", span.service)
            and query.operation in ("", span.name)
            and start <= span.start <= end
            and query.duration_min <= span.end - span.start <= query.duration_max
            and all(has_attribute(span, key, text) for key, text in query.attributes.items())
        )

    traces = reversed(store.traces.values())
    return list(islice((trace for trace in traces if any(map(satisfies, trace.values()))), query.depth))


def has_attribute(span: Span, key: str, text: str) -> bool:
    """Whether a span, its scope or its resource has an attribute; `error` is the status, as in Jaeger."""
    if key == "error":
        return text == ("true" if span.failed else "false")
    # Most lack the key: then they need not be decoded.
    holders = (part for part in (span.encoded, span.scope, span.resource) if key.encode() in part)
    return any((key, text) in attributes(orjson.loads(part)) for part in holders)


def attributes(holder: otlp.Holder) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a span, a scope or a resource, their values as text or as JSON."""
    for attribute in holder.get("attributes", ()):
        value = next(iter(attribute.get("value", {}).values()), "")
        yield attribute["key"], value if isinstance(value, str) else orjson.dumps(value).decode()
