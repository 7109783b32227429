"""What the demonstration shows, in its order."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from cli.demo import dead_letter, logs, mail, metrics, traces
from cli.demo.orders import STORIES, Placed, place, settle
from stack.operators import Operator

RUSH = 20


def show(
    endpoints: Mapping[str, str],
    log_files: Path,
    operator: Operator,
    console: Console,
    elapsed: Callable[[], float],
) -> None:
    """Place the orders and show everything that can be seen of them; `elapsed` gives seconds since the start.

    Raises:
        RuntimeError, TimeoutError, httpx2.HTTPError: Something was not as it should be.
    """
    with (
        ExitStack() as end,
        httpx2.Client(base_url=endpoints["api"], timeout=10, trust_env=False) as api,
        ThreadPoolExecutor(8) as threads,
    ):
        first = place(api, STORIES[0])
        rest = [place(api, story) for story in STORIES[1:]]
        settle(api, first)
        lines, tree = _lines_and_trace(endpoints, log_files, first)
        _title(console, f"One order, one trace, three services ({elapsed():.1f} s after the start)")
        console.print(tree)
        _title(console, f"Its log lines: correlation id {first.correlation_id}")
        console.print(lines)
        rush = list(threads.map(partial(place, api), STORIES[:1] * RUSH))
        dead = dead_letter.poison(endpoints["amqp"], operator)
        end.callback(dead_letter.discard, operator, dead)
        orders = [first, *rest, *rush]
        durations = list(threads.map(partial(settle, api), orders))
        _title(console, "The orders")
        console.print(_orders(orders[: len(STORIES)], durations))
        slowest = max(durations[len(STORIES) :])
        console.print(f"and {RUSH} more at once: all done, the slowest after {slowest:.2f} s", style="dim")
        _title(console, "A retry, in the same trace")
        console.print(_lines_and_trace(endpoints, log_files, rest[0])[1])
        _title(console, "The email that arrived")
        console.print(mail.panel(mail.email_about(endpoints["mail"], first.id)))
        _title(console, "A poison message became a dead letter, and the worker goes on")
        console.print(dead_letter.table(dead))
        _title(console, "The metrics")
        console.print(metrics.table(endpoints))


def _title(console: Console, title: str) -> None:
    console.print()
    console.rule(title, align="left")


def _lines_and_trace(endpoints: Mapping[str, str], log_files: Path, order: Placed) -> tuple[Table, Tree]:
    lines = logs.lines_of(log_files, order.correlation_id)
    trace_id = lines[0]["trace_id"]
    spans = traces.whole_trace(endpoints["traces"], trace_id, "send email")
    return logs.table(lines), traces.tree(trace_id, spans)


def _orders(orders: Sequence[Placed], durations: Sequence[float]) -> Table:
    view = Table("order", "what it shows", "status", "reason", "settled after", box=None, pad_edge=False)
    for order, seconds in zip(orders, durations, strict=False):
        story, colour = order.story, "green" if order.story.status == "done" else "yellow"
        view.add_row(order.id, story.title, story.status, story.reason, f"{seconds:.2f} s", style=colour)
    return view
