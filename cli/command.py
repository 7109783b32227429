"""`python -m cli`: every command of the project, each with its options and one function behind it."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from cli import dead_letters, load, native, scenarios
from cli.demo import command as demo
from loadtests import options as load_options
from loadtests.bench import command as bench
from loadtests.soak import command as soak
from resilience.chaos import command as chaos
from resilience.chaos import options as chaos_options
from resilience.drills import command as drills
from stack.errors import StackError
from stack.layout import DEFAULT_RUN_DIR, ROOT, Layout
from stack.progress import RED, Progress, progress_on

INTERRUPTED = 130

Run = Callable[[Layout, Namespace, Progress], int]
"""A command; it returns its exit status, and its docstring's first line is its help."""
COMMANDS: dict[str, tuple[Run, Callable[[ArgumentParser], None] | None]] = {
    "up": (native.up, native.add_up_options),
    "down": (native.down, native.add_down_options),
    "status": (native.status, native.add_status_options),
    "restart": (native.restart, native.add_restart_options),
    "demo": (demo.command, None),
    "dead-letters": (dead_letters.command, dead_letters.add_options),
    "scenario": (scenarios.command, scenarios.add_options),
    "drill": (drills.command, drills.add_options),
    "chaos": (chaos.command, chaos_options.add_options),
    "load": (load.command, load_options.add_options),
    "soak": (soak.command, soak.add_options),
    "bench": (bench.command, bench.add_options),
}
APART = ("chaos", "bench")
"""Commands that start servers of their own, in a folder of their own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; a wrong command line ends the process with status 2."""
    given = _parser().parse_args(arguments)
    run: Run = given.run
    try:
        return run(Layout(given.run_dir.resolve()), given, progress_on())
    except StackError as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error}", RED))
        return error.status
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m cli", description="Orderscope natively, without Docker.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (run, add_options) in COMMANDS.items():
        summary = (run.__doc__ or "").partition("\n")[0]
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(run=run)
        run_dir = DEFAULT_RUN_DIR / name if name in APART else DEFAULT_RUN_DIR
        text = f"data, logs, state (default: {run_dir.relative_to(ROOT)})"
        subparser.add_argument("--run-dir", type=Path, default=run_dir, help=text)
        if add_options:
            add_options(subparser)
    return parser
