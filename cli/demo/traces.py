"""A trace as a tree, read from whatever answers Jaeger's query paths."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import httpx2
from rich.text import Text
from rich.tree import Tree

from cli.demo.waiting import wait_for

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


def trace_with(traces: str, trace_id: str, last: str) -> list[Span]:
    """Return the spans of a trace as soon as the last one of a name has arrived, and all that it hangs from.

    Each service exports its spans by itself, so for a moment a trace can have gaps.
    """

    def look() -> list[Span] | None:
        response = httpx2.get(f"{traces}/api/v3/traces/{trace_id}", timeout=5, trust_env=False)
        if response.status_code != httpx2.codes.OK:
            return None
        spans = parse(response.json()["result"])
        known = {span.span_id for span in spans}
        gaps = [span for span in spans if span.parent_id and span.parent_id not in known]
        return spans if not gaps and any(span.name == last for span in spans) else None

    return wait_for(f"the whole trace {trace_id}", look)


def parse(result: dict[str, Any]) -> list[Span]:
    """Return the spans of an OTLP JSON document."""
    return [
        _span(_attribute(group["resource"], "service.name"), span)
        for group in result["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def tree(trace_id: str, spans: list[Span]) -> Tree:
    """Return the tree, children in the order of their start."""
    children: defaultdict[str, list[Span]] = defaultdict(list)
    known = {span.span_id for span in spans}
    for span in sorted(spans, key=lambda s: s.start):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    first = min(span.start for span in spans)
    root = Tree(Text(f"trace {trace_id}", style="bold"))
    _grow(root, "", children, first)
    return root


def _grow(branch: Tree, parent: str, children: dict[str, list[Span]], first: int) -> None:
    for span in children.get(parent, []):
        _grow(branch.add(_label(span, first)), span.span_id, children, first)


def _label(span: Span, first: int) -> Text:
    label = Text.assemble(
        (f"{span.service:9}", COLOURS.get(span.service, "")),
        (span.name, "bold red" if span.failed else "bold"),
        f"  {(span.end - span.start) / 1e6:.1f} ms",
        (f"  at {(span.start - first) / 1e6:.0f} ms", "dim"),
    )
    if span.attempt not in {"", "1"}:
        label.append(f"  attempt {span.attempt}", "yellow")
    if span.failed:
        label.append("  failed", "red")
    return label


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
