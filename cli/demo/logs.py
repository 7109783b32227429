"""The log lines of one correlation id, from all services, in the order of their times."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from cli.demo.traces import COLOURS
from cli.demo.waiting import wait_for

LAST = {"api": "request", "worker": "message processed", "notifier": "message processed"}
"""Each service's last event about an order."""
IN_COLUMNS = {"timestamp", "level", "service", "event"}
THE_SAME = {"version", "environment", "correlation_id", "trace_id", "span_id", "trace_flags", "logger"}


def lines_of(logs: Path, correlation_id: str) -> list[dict[str, Any]]:
    """Return an order's lines as soon as the last one of each service is there: each writes by itself."""

    def look() -> list[dict[str, Any]] | None:
        lines = [line for service in LAST for line in _lines(logs / f"{service}.log", correlation_id)]
        done = LAST.items() <= {(line["service"], line["event"]) for line in lines}
        return sorted(lines, key=lambda line: line["timestamp"]) if done else None

    return wait_for(f"the last log line of each service about {correlation_id}", look)


def _lines(path: Path, correlation_id: str) -> list[dict[str, Any]]:
    with path.open(errors="replace") as file:
        return [json.loads(line) for line in file if correlation_id in line and line.endswith("}\n")]


def table(lines: list[dict[str, Any]]) -> Table:
    """Return the lines as a table, with their other fields beside the event."""
    view = Table("time", "service", "level", "event", "fields", box=None, pad_edge=False)
    for line in lines:
        others = ((k, v) for k, v in line.items() if k not in IN_COLUMNS | THE_SAME and v is not None)
        fields = " ".join(f"{key}={value}" for key, value in others)
        cells = (line["timestamp"][11:23], line["service"], line["level"], line["event"], fields)
        view.add_row(*cells, style=COLOURS.get(line["service"], ""))
    return view
