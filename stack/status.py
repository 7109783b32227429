"""`status`: what runs, how it is, and what it uses."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta

from stack import components, processes, state
from stack.components import BUILDERS, Plan
from stack.errors import StackError
from stack.layout import Layout
from stack.processes import Process
from stack.progress import GREEN, RED, YELLOW, Progress, columns

ALL_RUNS, SOME_RUN, NOTHING_RUNS = 0, 1, 3  # LSB: 3 is "not running"
MEBIBYTE = 1024 * 1024
COLOURS = {"ready": GREEN, "not ready": YELLOW, "unknown": YELLOW, "-": RED}


@dataclass(frozen=True, slots=True)
class Row:
    """One component. Uptime in seconds, memory (resident) in bytes."""

    name: str
    state: str
    health: str
    pid: int
    uptime: float
    memory: int
    ports: dict[str, int]


def rows(layout: Layout) -> list[Row]:
    """Look at every component that was started.

    Raises:
        StackError: What was started cannot be understood.
    """
    current = state.load(layout)
    if current is None:
        return []
    plan = Plan(layout, current.ports)
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda process: _row(plan, process), current.processes))


def exit_code(found: list[Row]) -> int:
    """Return 0 when everything runs and is ready, 3 when nothing runs, 1 otherwise."""
    if all(row.state == "ended" for row in found):
        return NOTHING_RUNS
    return ALL_RUNS if all(row.health == "ready" for row in found) else SOME_RUN


def show(found: list[Row], progress: Progress, *, as_json: bool) -> None:
    """Write the rows as a table, or as a JSON array."""
    if as_json:
        progress.write(json.dumps([asdict(row) for row in found], indent=1))
        return
    if not found:
        progress.write("Nothing runs")
        return
    cells = [("COMPONENT", "STATE", "HEALTH", "PID", "UPTIME", "MEMORY", "PORTS"), *map(_cells, found)]
    header, *lines = columns(cells)
    progress.write(header)
    for row, line in zip(found, lines, strict=True):
        progress.write(progress.paint(line, COLOURS[row.health]))
    progress.write(f"{sum(row.memory for row in found) / MEBIBYTE:.0f} MiB in all")


def _row(plan: Plan, process: Process) -> Row:
    runs = processes.alive(process)
    return Row(
        name=process.name,
        state="running" if runs else "ended",
        health=_health(plan, process) if runs else "-",
        pid=process.pid,
        uptime=round(time.time() - process.started, 1) if runs else 0.0,
        memory=processes.resident_bytes(process.pid) if runs else 0,
        ports=process.ports,
    )


def _health(plan: Plan, process: Process) -> str:
    if process.name not in BUILDERS:  # of a cluster or a benchmark: what it is asked is not known here
        return "unknown"
    try:
        return "ready" if components.spec(plan, process.name).ready() else "not ready"
    except StackError:  # its program has been removed meanwhile
        return "not ready"


def _cells(row: Row) -> tuple[str, ...]:
    if row.state == "ended":
        return (row.name, row.state, row.health, "-", "-", "-", "-")
    ports = " ".join(f"{name}:{port}" for name, port in row.ports.items())
    uptime, memory = timedelta(seconds=int(row.uptime)), f"{row.memory / MEBIBYTE:.0f} MiB"
    return (row.name, row.state, row.health, str(row.pid), str(uptime), memory, ports)
