"""Spans as a trace store tells them, and what the contract has against them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.telemetry.contract import Contract, SpanEntry, Stock

KINDS = ("", "internal", "server", "client", "producer", "consumer")
ERROR = 2
Known = Mapping[str, "Span"]
"""Spans by their ids."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span with all that it tells."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    links: tuple[str, ...]
    events: tuple[tuple[str, frozenset[str]], ...]


def spans_of(document: Mapping[str, Any]) -> list[Span]:
    """Return the spans of an OTLP JSON document."""
    return [
        _span(_attributes(group["resource"]), span)
        for group in document["result"]["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def _span(resource: Mapping[str, Any], span: Mapping[str, Any]) -> Span:
    return Span(
        service=resource["service.name"],
        name=span["name"],
        kind=KINDS[span["kind"]],
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        failed=span.get("status", {}).get("code") == ERROR,
        attributes=_attributes(span),
        resource=resource,
        links=tuple(link["spanId"] for link in span.get("links", [])),
        events=tuple((event["name"], frozenset(_attributes(event))) for event in span.get("events", [])),
    )


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for item in holder.get("attributes", []):
        [(kind, value)] = item["value"].items()
        found[item["key"]] = int(value) if kind == "intValue" else value
    return found


def kind_of(contract: Contract, span: Span) -> str | None:
    """Return which span of the contract one is, by its service, its name and its kind."""
    for name, entry in contract.spans.items():
        of_a_kind = span.service in entry.services and span.kind == entry.kind
        if of_a_kind and contract.span_names[name].fullmatch(span.name):
            return name
    return None


def problems(
    contract: Contract, span: Span, known: Known, *, complete: bool, stock: bool = False
) -> list[str]:
    """Return what the contract has against a span.

    `known` are the spans of the store; `complete` says that its trace must be there as a whole; `stock` that
    server spans may have what the stock instrumentation adds.
    """
    kind = kind_of(contract, span)
    if kind is None:
        return [f"{span.service}: nobody declares the {span.kind} span {span.name!r}"]
    entry = contract.spans[kind]
    more = contract.stock if stock and span.kind == "server" else None
    found = [*_values(contract, entry, span, more), *_failure(contract, span, more)]
    relations = [("parent", entry.parents, _related(contract, span.parent_id, known))]
    if "parent" in entry.links:
        expected = (span.parent_id,) if span.parent_id else ()
        if span.links != expected:
            found.append("its link is not its parent")
    else:
        relations += [("link", entry.links, _related(contract, link, known)) for link in span.links]
    for what, allowed, other in relations:
        if other not in allowed and (complete or other != "stranger"):
            found.append(f"its {what} is {other}")
    return [f"{span.service} {span.name} {span.trace_id}: {problem}" for problem in found]


def _related(contract: Contract, span_id: str, known: Known) -> str:
    if not span_id:
        return "nobody"
    return kind_of(contract, known[span_id]) or "unknown" if span_id in known else "stranger"


def _values(contract: Contract, entry: SpanEntry, span: Span, more: Stock | None) -> Iterator[str]:
    besides = {"error.type", *(more.attributes if more else ())}
    required, given = set(entry.attributes), set(span.attributes) - besides
    if required - given:
        yield f"lacks {required - given}"
    if given - required - entry.optional.keys():
        yield f"has {given - required - entry.optional.keys()}"
    for name, value in span.attributes.items():
        if name in contract.attributes and not contract.fits(contract.attributes[name].holds, value):
            yield f"{name} is {value!r}"
    if span.resource.keys() != contract.resource.keys():
        yield f"its resource has {set(span.resource) ^ set(contract.resource)}, or has it not"
    for name, described in contract.resource.items():
        if not contract.fits(described.holds, span.resource.get(name, "")):
            yield f"{name} of its resource is {span.resource.get(name)!r}"


def _failure(contract: Contract, span: Span, more: Stock | None) -> Iterator[str]:
    exception = frozenset((*contract.exception, *(more.exception if more else ())))
    if span.failed != ("error.type" in span.attributes):
        yield f"failed: {span.failed}, error.type: {span.attributes.get('error.type')}"
    if any(event != ("exception", exception) for event in span.events):
        yield f"has events {span.events}"
    if span.kind != "server" and span.failed != bool(span.events):
        yield f"failed: {span.failed}, events: {len(span.events)}"


def by_id(spans: Sequence[Span]) -> Known:
    """Return spans by their ids."""
    return {span.span_id: span for span in spans}
