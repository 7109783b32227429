"""A trace as a tree, from Jaeger's `/api/v3`, which the trace store answers as well."""

from collections import defaultdict

from rich.text import Text
from rich.tree import Tree

from cli.demo.waiting import get, wait_for
from stack.spans import Span, by_trace

COLOURS = {"api": "cyan", "worker": "green", "notifier": "magenta"}


def whole_trace(traces: str, trace_id: str, last: str) -> list[Span]:
    """Return the spans of a trace as soon as the last one of a name has arrived, and all of its ancestors.

    Each service exports its spans by itself, so for a moment a trace can have gaps.
    """

    def look() -> list[Span] | None:
        found = get(f"{traces}/api/v3/traces/{trace_id}")
        spans = by_trace(found["result"])[trace_id] if found else []
        known = {"", *(span.id for span in spans)}
        complete = all(span.parent in known for span in spans)
        return spans if complete and any(span.name == last for span in spans) else None

    return wait_for(f"the whole trace {trace_id}", look)


def tree(trace_id: str, spans: list[Span]) -> Tree:
    """Return the tree, children in the order of their start."""
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda one: one.start):
        children[span.parent].append(span)
    began = min(span.start for span in spans)
    root = Tree(Text(f"trace {trace_id}", style="bold"))

    def grow(branch: Tree, parent: str) -> None:
        for span in children[parent]:
            grow(branch.add(_label(span, began)), span.id)

    grow(root, "")
    return root


def _label(span: Span, began: int) -> Text:
    label = Text.assemble(
        (f"{span.service:9}", COLOURS.get(span.service, "")),
        (span.name, "bold red" if span.failed else "bold"),
        f"  {span.milliseconds:.1f} ms",
        (f"  at {(span.start - began) / 1e6:.0f} ms", "dim"),
    )
    attempt = span.attributes.get("orderscope.delivery.attempt", "1")
    if attempt != "1":
        label.append(f"  attempt {attempt}", "yellow")
    if span.failed:
        label.append("  failed", "red")
    return label
