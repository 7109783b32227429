"""`python -m cli`: every command of the project, each with its options and one function behind it."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

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


class Command(NamedTuple):
    """A command; `run` returns its exit status."""

    name: str
    run: Callable[[Layout, Namespace, Progress], int]
    add_options: Callable[[ArgumentParser], None]
    about: str
    run_dir: Path = DEFAULT_RUN_DIR


COMMANDS = (
    Command("up", native.up, native.add_up_options, "Start what does not run, and wait until it is ready."),
    Command("down", native.down, native.add_down_options, "Stop everything that was started."),
    Command(
        "status",
        native.status,
        native.add_status_options,
        "Show what runs: exit status 0 all of it, 1 not all, 3 nothing.",
    ),
    Command(
        "restart",
        native.restart,
        native.add_restart_options,
        "Start one component again, on the same ports.",
    ),
    Command(
        "demo",
        demo.command,
        demo.add_options,
        "Start everything, place orders, show their traces, logs and metrics, and stop it again.",
    ),
    Command(
        "dead-letters",
        dead_letters.command,
        dead_letters.add_options,
        "List, show, replay or discard messages that could not be processed.",
    ),
    Command("scenario", scenarios.command, scenarios.add_options, "Switch named faults on and off."),
    Command(
        "drill",
        drills.command,
        drills.add_options,
        "Inject faults, wait for their alerts, remove the faults, wait until the alerts end.",
    ),
    Command(
        "chaos",
        chaos.command,
        chaos_options.add_options,
        "Break what can break while orders come in, and account for every one.",
        DEFAULT_RUN_DIR / "chaos",
    ),
    Command(
        "load",
        load.command,
        load_options.add_options,
        "Let simulated users place orders and follow them, and judge by thresholds.",
    ),
    Command(
        "soak",
        soak.command,
        soak.add_options,
        "Find the highest rate that is held, keep up 70 % of it, and see whether anything gets worse.",
    ),
    Command(
        "bench",
        bench.command,
        bench.add_options,
        "Measure api and worker beside bare programs, and what telemetry costs.",
        DEFAULT_RUN_DIR / "bench",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; a wrong command line ends the process with status 2."""
    given = _parser().parse_args(arguments)
    command: Command = given.command
    try:
        return command.run(Layout(given.run_dir.resolve()), given, progress_on())
    except StackError as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error}", RED))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m cli", description="Orderscope natively, without Docker.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        text = command.about.replace("%", "%%")
        subparser = commands.add_parser(command.name, help=text, description=command.about)
        subparser.set_defaults(command=command)
        default = f"data, logs, state (default: {command.run_dir.relative_to(ROOT)})"
        subparser.add_argument("--run-dir", type=Path, default=command.run_dir, help=default)
        command.add_options(subparser)
    return parser
