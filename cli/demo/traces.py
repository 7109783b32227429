"""A trace as a tree, from Jaeger's `/api/v3`, which the trace store answers as well."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from rich.tree import Tree

from cli.demo.waiting import get, wait_for

COLOURS = {"api": "cyan", "worker": "green", "notifier": "magenta"}


@dataclass(frozen=True, slots=True)
class Span:
    """What the tree shows of a span; times in ns of Unix time."""

    service: str
    name: str
    span_id: str
    parent_id: str
    start: int
    end: int
    failed: bool
    attempt: str


def whole_trace(traces: str, trace_id: str, last: str) -> list[Span]:
    """Return the spans of a trace as soon as the last one of a name has arrived, and all of its ancestors.

    Each service exports its spans by itself, so for a moment a trace can have gaps.
    """

    def look() -> list[Span] | None:
        found = get(f"{traces}/api/v3/traces/{trace_id}")
        spans = parse(found["result"]) if found else []
        known = {"", *(span.span_id for span in spans)}
        complete = all(span.parent_id in known for span in spans)
        return spans if complete and any(span.name == last for span in spans) else None

    return wait_for(f"the whole trace {trace_id}", look)


def parse(result: dict[str, Any]) -> list[Span]:
    """Return the spans of an OTLP JSON document."""
    return [
        _span(_attribute(group["resource"], "service.name"), span)
        for group in result["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def _span(service: str, span: dict[str, Any]) -> Span:
    return Span(
        service,
        span["name"],
        span["spanId"],
        span.get("parentSpanId", ""),
        int(span["startTimeUnixNano"]),
        int(span["endTimeUnixNano"]),
        str(span.get("status", {}).get("code")) in {"2", "STATUS_CODE_ERROR"},
        _attribute(span, "orderscope.delivery.attempt"),
    )


def _attribute(holder: dict[str, Any], key: str) -> str:
    values = (item["value"] for item in holder.get("attributes", []) if item["key"] == key)
    return str(next(iter(next(values, {"": ""}).values())))


def tree(trace_id: str, spans: list[Span]) -> Tree:
    """Return the tree, children in the order of their start."""
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda one: one.start):
        children[span.parent_id].append(span)
    began = min(span.start for span in spans)
    root = Tree(Text(f"trace {trace_id}", style="bold"))

    def grow(branch: Tree, parent: str) -> None:
        for span in children[parent]:
            grow(branch.add(_label(span, began)), span.span_id)

    grow(root, "")
    return root


def _label(span: Span, began: int) -> Text:
    label = Text.assemble(
        (f"{span.service:9}", COLOURS.get(span.service, "")),
        (span.name, "bold red" if span.failed else "bold"),
        f"  {(span.end - span.start) / 1e6:.1f} ms",
        (f"  at {(span.start - began) / 1e6:.0f} ms", "dim"),
    )
    if span.attempt not in {"", "1"}:
        label.append(f"  attempt {span.attempt}", "yellow")
    if span.failed:
        label.append("  failed", "red")
    return label
