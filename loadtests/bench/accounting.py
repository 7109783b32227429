"""Whether each order of a slice is seen: in its spans, all of one trace, and in its log lines."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from loadtests.bench.sink import Names

SPANS = {
    "api": frozenset({"POST /v1/orders", "redis: accept", "publish orders:order.created.v1"}),
    "worker": frozenset(
        {
            "process worker.order-created",
            "reserve stock",
            "charge payment",
            "redis: settle",
            "publish orders:order.done.v1",
        }
    ),
}
TOLD = {"api": "order accepted", "worker": "order settled"}
"""The line that names an order."""
ENTRY = {"api": "request", "worker": "message processed"}
"""The line of the request or delivery around it."""


def unseen(
    kind: str, orders: Iterable[str], lines: Iterable[dict[str, Any]], traces: Names | None
) -> list[str]:
    """Return the orders that lack a span or a log line; without traces, those that lack a line."""
    told: dict[str, str] = {}
    entered: set[str] = set()
    for line in lines:
        if line.get("event") == TOLD[kind]:
            told[line["order_id"]] = line.get("trace_id", "")
        elif line.get("event") == ENTRY[kind]:
            entered.add(line.get("trace_id", ""))
    return [
        order
        for order in orders
        if told.get(order) not in entered
        or (traces is not None and not traces.get(told[order], set()) >= SPANS[kind])
    ]


def take_lines(log: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of a log and their bytes, and empty it: whoever writes it goes on at its start."""
    content = log.read_bytes() if log.exists() else b""
    if content:
        os.truncate(log, 0)
    return [_line(text) for text in content.splitlines()], len(content)


def _line(text: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:  # not ours: a library's, before logs were set up
        return {}
    return found if isinstance(found, dict) else {}
