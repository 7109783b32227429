"""A run as people read it: a line while it goes on, a table and a verdict at its end."""

from collections.abc import Sequence
from typing import Any

from loadtests.run import Run
from loadtests.verdict import Entry
from stack.progress import DIM, GREEN, RED, YELLOW, Progress, columns

HEAD = ("", "count", "failed", "p50", "p95", "p99", "max")
SHOWN_ERRORS = 5
SHOWN_TRACES = 3


def line(run: Run, users: int, failures: int, p95_ms: float) -> str:
    """Return how it goes."""
    ledger = run.ledger
    return (
        f"{run.seconds:4.0f} s  {users} users  {ledger.promised} orders, {len(ledger.open)} open  "
        f"{failures} failures  p95 {p95_ms:g} ms"
    )


def show(found: dict[str, Any], entries: Sequence[Entry], progress: Progress) -> None:
    """Write the table, what went wrong, where the slowest can be looked at, and the verdict."""
    progress.write()
    _show_table(entries, progress)
    _show_errors(found, progress)
    _show_slowest(found, progress)
    orders, held = found["orders"], found["rate_held"]
    text = (
        f"{orders['promised']} orders promised, {orders['settled']} settled, {orders['lost']} lost; "
        f"{orders['per_second']} orders/s"
    )
    progress.write()
    progress.write(progress.paint(text, RED if orders["lost"] else ""))
    if not held:
        asked = found["asked"]["rate"]
        behind = f"the rate was not held: {orders['per_second']} orders/s instead of {asked:g}"
        progress.write(progress.paint(behind, YELLOW))
    for note in sorted(found["rate_limit"]):
        progress.write(progress.paint(f"rate limit: {note}: {found['rate_limit'][note]}", DIM))
    for complaint in found["broken"]:
        progress.write(progress.paint(f"over its threshold: {complaint}", RED))
    progress.write(progress.paint("load: ok", GREEN) if found["ok"] else progress.paint("load: failed", RED))


def _show_table(entries: Sequence[Entry], progress: Progress) -> None:
    rows = [
        (
            entry.title,
            str(entry.requests),
            str(entry.failures),
            *(f"{value:.0f} ms" for value in (entry.p50_ms, entry.p95_ms, entry.p99_ms, entry.max_ms)),
        )
        for entry in entries
    ]
    head, *body = columns([HEAD, *rows])
    progress.write(progress.paint(head, DIM))
    for entry, text in zip(entries, body, strict=True):
        progress.write(progress.paint(text, RED if entry.failures else ""))


def _show_errors(found: dict[str, Any], progress: Progress) -> None:
    errors = sorted(found["errors"], key=lambda error: -error["count"])
    for error in errors[:SHOWN_ERRORS]:
        progress.write(progress.paint(f"{error['count']} times {error['entry']}: {error['error']}", RED))
    if more := errors[SHOWN_ERRORS:]:
        progress.write(progress.paint(f"and {len(more)} other kinds of failure", RED))


def _show_slowest(found: dict[str, Any], progress: Progress) -> None:
    every = [(one["ms"], entry, one["trace"]) for entry, some in found["slowest"].items() for one in some]
    progress.write()
    for milliseconds, entry, trace in sorted(every, reverse=True)[:SHOWN_TRACES]:
        progress.write(progress.paint(f"slow: {milliseconds:.0f} ms {entry}: {trace}", DIM))
