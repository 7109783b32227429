"""`python -m stack drill`: runs drills against a running system, or against one that it starts."""

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

from resilience.drills import prometheus
from resilience.drills.catalogue import DRILLS, Drill
from resilience.drills.environment import AS_WRITTEN, QUICK, Environment, urls
from resilience.drills.run import Result, run
from stack.dotenv import written
from stack.errors import StackError
from stack.layout import Layout, write_json
from stack.locking import interruptible
from stack.operators import operator
from stack.progress import Progress
from stack.selection import named
from stack.servers import configuration
from stack.up import serving

TIMEOUT_SECONDS = 10.0


def add_options(parser: ArgumentParser) -> None:
    """Add the options."""
    add, text = parser.add_argument, f"all (default), or some of {', '.join(DRILLS)}"
    add("names", nargs="?", default="all", metavar="NAME,…", help=text)
    add("--compose", action="store_true", help="against Docker Compose's stack, not the native one")
    add("--api", metavar="URL", help="where the api answers (with --compose; default: port 8000)")


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Inject faults, wait for their alerts, remove the faults, wait until the alerts end.

    Return 0 when every drill went as it should, 1 otherwise. A native stack that does not run yet is started,
    and stopped again.

    Raises:
        StackError: There is no such drill, or the system cannot be started or reached.
    """
    drills = named(given.names, DRILLS, "drill")
    with interruptible(), nullcontext() if given.compose else serving(layout, progress):
        quick, results = asyncio.run(_run(drills, given, layout, progress))
    file = layout.run_dir / "drills.json"
    write_json(file, document(results, quick=quick))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table(results))
    failed = [one.name for one in results if one.failure]
    progress.write(f"drills: {'failed: ' + ', '.join(failed) if failed else 'ok'}; {file}")
    return 1 if failed else 0


async def _run(
    drills: Sequence[Drill], given: Namespace, layout: Layout, progress: Progress
) -> tuple[bool, list[Result]]:
    where = urls(layout, compose=given.compose, api=given.api)
    asked = operator(layout, where["api"] if given.compose else None)
    async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        quick = await prometheus.quick(client, where["prometheus"])
        if configuration.pace(os.environ) != 1 and not quick:
            raise StackError(
                "this stack runs at its normal pace: `make stack-down`, then DRILL_FAST=1 starts its own"
            )
        windows = "60 times shorter" if quick else "as written: minutes each (DRILL_FAST=1 is faster)"
        progress.write(f"{len(drills)} of {len(DRILLS)} drills, windows and waits {windows}")
        pace = QUICK if quick else AS_WRITTEN
        key = os.environ.get("API_KEY") or written("API_KEY")
        headers = {"X-API-Key": key} if key else {}
        environment = Environment(client, where, asked, headers, pace, progress)
        return quick, [await run(drill, environment) for drill in drills]


def table(results: Sequence[Result]) -> Table:
    """Return the table: a row a drill."""
    view = Table(
        "drill", "alert", "fault to alert", "repair to resolved", "what was seen", box=None, pad_edge=False
    )
    for one in results:
        seen = f"[red]{one.failure}[/red]" if one.failure else f"{one.panel} {one.value:.4g}; {one.says}"
        view.add_row(one.name, one.alert, _seconds(one.to_alert), _seconds(one.to_resolved), seen)
    return view


def document(results: Sequence[Result], *, quick: bool) -> dict[str, Any]:
    """Return the report for programs; times in seconds."""
    return {
        "ok": not any(one.failure for one in results),
        "fast": quick,
        "drills": [asdict(one) for one in results],
    }


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f} s"
