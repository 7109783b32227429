"""`make demo`: from nothing to a system that shows what it did."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from cli.demo import letters, logs, mail, metrics, traces
from cli.demo.orders import RUSH, STORIES, Placed, Settled, place, settled

Endpoints = dict[str, str]
PLAIN = STORIES[0]


def show(
    endpoints: Endpoints, logs_directory: Path, console: Console, started: float, end: ExitStack
) -> None:
    """Place the orders and show everything that can be seen of them; `end` takes what is to be done after.

    Raises:
        RuntimeError, TimeoutError: Something was not as it should be; the message says what.
    """
    with (
        httpx2.Client(base_url=endpoints["api"], timeout=10, trust_env=False) as api,
        ThreadPoolExecutor(8) as threads,
    ):
        first = place(api, PLAIN)
        rest = [place(api, story) for story in STORIES[1:]]
        settled(api, first)
        lines = logs.lines_of(logs_directory, first.correlation_id)
        spans = traces.trace_with(endpoints["traces"], lines[0]["trace_id"], "send email")
        _title(
            console,
            f"One order, one trace, three services ({time.monotonic() - started:.1f} s after the start)",
        )
        console.print(traces.tree(lines[0]["trace_id"], spans))
        _title(console, f"Its log lines: correlation id {first.correlation_id}")
        console.print(logs.table(lines))
        rush = list(threads.map(partial(place, api), [PLAIN] * RUSH))
        letter = letters.poison(endpoints["amqp"])
        end.callback(letters.discard, endpoints["amqp"], letter)
        ended = list(threads.map(partial(settled, api), [first, *rest, *rush]))
    _show_orders(console, ended)
    _show_retry(console, endpoints, logs_directory, rest[0])
    _title(console, "The email that arrived")
    console.print(mail.panel(mail.email_about(endpoints["mail"], first.id)))
    _title(console, "A poison message, set aside; the worker goes on (its letter is discarded after this)")
    console.print(letters.table(letter))
    _title(console, "The numbers")
    console.print(metrics.table(metrics.read(endpoints, dead_letters=letter.depth)))


def demo(endpoints: Endpoints, logs_directory: Path, started: float) -> str | None:
    """Run the demonstration on a running stack and return what was not as it should be, if anything."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        with ExitStack() as end:
            show(endpoints, logs_directory, console, started, end)
    except (RuntimeError, TimeoutError, httpx2.HTTPError, OSError) as error:
        return f"{error or type(error).__name__}; the logs are in {logs_directory}"
    return None


def _title(console: Console, title: str) -> None:
    console.print()
    console.rule(title, align="left")


def _show_orders(console: Console, ended: Sequence[Settled]) -> None:
    _title(console, "The orders")
    view = Table("order", "what it shows", "status", "reason", "settled after", box=None, pad_edge=False)
    for order in ended[: len(STORIES)]:
        colour = "green" if order.status == "done" else "yellow"
        view.add_row(
            order.placed.id,
            order.placed.story.title,
            order.status,
            order.reason,
            f"{order.seconds:.2f} s",
            style=colour,
        )
    console.print(view)
    slowest = max(order.seconds for order in ended[len(STORIES) :])
    console.print(f"and {RUSH} more at once: all done, the slowest after {slowest:.2f} s", style="dim")


def _show_retry(console: Console, endpoints: Endpoints, logs_directory: Path, retried: Placed) -> None:
    _title(console, "A retry, in the same trace")
    lines = logs.lines_of(logs_directory, retried.correlation_id)
    spans = traces.trace_with(endpoints["traces"], lines[0]["trace_id"], "send email")
    console.print(traces.tree(lines[0]["trace_id"], spans))
