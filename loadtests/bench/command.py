"""`python -m loadtests.bench`: measures, shows a table, writes `bench.json`."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from loadtests.bench import report
from loadtests.bench.cores import share_out
from loadtests.bench.options import OptionError, Options, parse, parser
from loadtests.bench.run import benches, take_turns
from loadtests.bench.stock import INSTRUMENTATIONS
from loadtests.bench.system import purge, system
from loadtests.bench.variants import variants
from stack import install, procfs
from stack.errors import StackError
from stack.layout import Layout, write_atomically
from stack.locking import interruptible, locked
from stack.progress import RED, Progress, progress_on

USAGE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when everything was measured and each order accounted for, 1 when not, 2 for bad options."""
    given = parser().parse_args(arguments)
    try:
        options = parse(given)
        return bench(Layout(given.run_dir.resolve()), options, progress_on())
    except (StackError, OSError, TimeoutError) as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error if str(error) else repr(error)}", RED))
        return USAGE if isinstance(error, OptionError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


def bench(layout: Layout, options: Options, progress: Progress) -> int:
    """Measure and report.

    Raises:
        StackError: Something is missing, does not start or broke.
    """
    procfs.require_linux()
    require_instrumentations(options)
    turns = len(options.kinds) * len(options.names) * (options.rounds + 1)
    progress.write(f"{turns} turns of {options.seconds:g} s, some seconds between them")
    with locked(layout), interruptible():
        purge(layout)
        install.ensure(("epmd", "rabbitmq", "redis"), layout, progress)
        written = _measure(layout, options, progress)
    file = report_file(layout)
    write_atomically(file, json.dumps(written, indent=1) + "\n")
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(report.table(written))
    for line in [*report.verdict(written), *(f"missed: {miss}" for miss in written["misses"])]:
        progress.write(line)
    unseen = sum(written[kind]["unseen"] for kind in options.kinds)
    progress.write(f"bench: {unseen} orders without all of their spans and log lines; {file}")
    return 1 if unseen else 0


def require_instrumentations(options: Options) -> None:
    """Make sure that what the stock reference is instrumented with is installed.

    Raises:
        StackError: It is not.
    """
    missing = [name for name in INSTRUMENTATIONS if not find_spec(f"opentelemetry.instrumentation.{name}")]
    if missing and "bare_stock" in options.names:
        raise StackError(
            f"no stock instrumentation of {', '.join(missing)}: `make bench` installs it, "
            "`--variants on,off,bare` does without"
        )


def _measure(layout: Layout, options: Options, progress: Progress) -> dict[str, Any]:
    everything = os.sched_getaffinity(0)
    measured, rest = share_out()
    # More processes than one are to show how it scales: no core is theirs alone.
    cores = measured if options.processes == 1 else everything
    os.sched_setaffinity(0, rest if options.processes == 1 else everything)
    try:
        with system(layout, progress) as running:

            async def work() -> dict[str, Any]:
                chosen = variants(options.kinds, options.names, options.processes)
                async with benches(running, chosen, cores) as found:
                    await take_turns(found, options, progress)
                    slices = {
                        kind: {one.variant.name: one.slices for one in found if one.variant.kind == kind}
                        for kind in options.kinds
                    }
                    return report.document(options, slices, running.memory())

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(work())
    finally:
        os.sched_setaffinity(0, everything)


def report_file(layout: Layout) -> Path:
    """Return where the figures are written: beside the run directory, which the next run empties."""
    return layout.run_dir.with_name(f"{layout.run_dir.name}.json")
