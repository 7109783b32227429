"""A trace as a tree, from Jaeger's `/api/v3`, which the trace store answers as well."""

from collections import defaultdict
from typing import Any

from rich.text import Text
from rich.tree import Tree

from cli.demo.waiting import get, wait_for

COLOURS = {"api": "cyan", "worker": "green", "notifier": "magenta"}
ERROR = 2
Span = dict[str, Any]
"""A span of an OTLP/JSON document, with the name of its `service`."""


def whole_trace(traces: str, trace_id: str, last: str) -> list[Span]:
    """Return the spans of a trace as soon as the last one of a name has arrived, and all of its ancestors.

    Each service exports its spans by itself, so for a moment a trace can have gaps.
    """

    def look() -> list[Span] | None:
        found = get(f"{traces}/api/v3/traces/{trace_id}")
        spans = _spans(found["result"]) if found else []
        known = {"", *(span["spanId"] for span in spans)}
        complete = all(span.get("parentSpanId", "") in known for span in spans)
        return spans if complete and any(span["name"] == last for span in spans) else None

    return wait_for(f"the whole trace {trace_id}", look)


def _spans(result: dict[str, Any]) -> list[Span]:
    return [
        {**span, "service": _attribute(group["resource"], "service.name")}
        for group in result["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]


def _attribute(holder: dict[str, Any], key: str) -> str:
    values = (item["value"] for item in holder.get("attributes", []) if item["key"] == key)
    return str(next(iter(next(values, {"": ""}).values())))


def tree(trace_id: str, spans: list[Span]) -> Tree:
    """Return the tree, children in the order of their start."""
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda one: int(one["startTimeUnixNano"])):
        children[span.get("parentSpanId", "")].append(span)
    began = min(int(span["startTimeUnixNano"]) for span in spans)
    root = Tree(Text(f"trace {trace_id}", style="bold"))

    def grow(branch: Tree, parent: str) -> None:
        for span in children[parent]:
            grow(branch.add(_label(span, began)), span["spanId"])

    grow(root, "")
    return root


def _label(span: Span, began: int) -> Text:
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    failed, attempt = (
        span.get("status", {}).get("code") == ERROR,
        _attribute(span, "orderscope.delivery.attempt"),
    )
    label = Text.assemble(
        (f"{span['service']:9}", COLOURS.get(span["service"], "")),
        (span["name"], "bold red" if failed else "bold"),
        f"  {(end - start) / 1e6:.1f} ms",
        (f"  at {(start - began) / 1e6:.0f} ms", "dim"),
    )
    if attempt not in {"", "1"}:
        label.append(f"  attempt {attempt}", "yellow")
    if failed:
        label.append("  failed", "red")
    return label
