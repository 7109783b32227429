"""The stack's command line."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from cli import dead_letters as letters
from cli import scenarios
from cli.demo.command import command as demo
from cli.load import command as load
from loadtests.bench.command import add_options as add_bench_options
from loadtests.bench.command import command as bench
from loadtests.options import add_options as add_load_options
from loadtests.soak.command import add_options as add_soak_options
from loadtests.soak.command import command as soak
from resilience.chaos.command import command as chaos
from resilience.chaos.options import add_options as add_chaos_options
from resilience.drills import command as drills
from stack import status
from stack.components import BUILDERS
from stack.down import down
from stack.errors import StackError
from stack.layout import DEFAULT_RUN_DIR, ROOT, Layout
from stack.progress import RED, Progress, progress_on
from stack.up import restart, up

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; a wrong command line ends the process with status 2."""
    given = _parser().parse_args(arguments)
    command: Callable[[Namespace, Progress], int] = given.command
    try:
        return command(given, progress_on())
    except StackError as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error}", RED))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m stack", description="The whole system natively, without Docker.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(
        name: str,
        command: Callable[[Namespace, Progress], int],
        help_text: str,
        run_dir: Path = DEFAULT_RUN_DIR,
    ) -> ArgumentParser:
        subparser = commands.add_parser(name, help=help_text, description=help_text)
        subparser.set_defaults(command=command)
        default = f"data, logs, state (default: {run_dir.relative_to(ROOT)})"
        subparser.add_argument("--run-dir", type=Path, default=run_dir, help=default)
        return subparser

    starting = add("up", _up, "Start what does not run yet, and wait until it is ready.")
    starting.add_argument("--only", type=_names, metavar="NAME,…", help=f"some of: {', '.join(BUILDERS)}")
    stopping = add("down", _down, "Stop everything that was started.")
    stopping.add_argument("--purge", action="store_true", help="delete data and logs too")
    showing = add("status", _status, "Show what runs: exit status 0 all of it, 1 not all, 3 nothing.")
    showing.add_argument("--json", action="store_true", help="as JSON")
    proving = "Break what can break while orders come in, and account for every one."
    add_chaos_options(add("chaos", _chaos, proving, DEFAULT_RUN_DIR / "chaos"))
    add("demo", _demo, "Start everything, place orders, show what can be seen, and stop it again.")
    letters.add_arguments(
        add("dead-letters", _dead_letters, "Work through what the services have set aside.")
    )
    drills.add_arguments(
        add("drill", _drill, "Inject faults, see their alerts arrive, repair, see them end.")
    )
    scenarios.add_arguments(add("scenario", _scenario, "Switch named faults on and off."))
    loading = "Let simulated users place orders and follow them, and judge by thresholds."
    add_load_options(add("load", _load, loading))
    measuring = "Measure api and worker beside bare programs, and what telemetry costs."
    add_bench_options(add("bench", _bench, measuring, DEFAULT_RUN_DIR / "bench"))
    soaking = (
        "Find the highest rate that is held, keep up seven tenths of it, and see whether anything tires."
    )
    add_soak_options(add("soak", _soak, soaking))
    restarting = add("restart", _restart, "Start one component anew, on the same ports.")
    restarting.add_argument("name", choices=BUILDERS, metavar="NAME")
    return parser


def _up(given: Namespace, progress: Progress) -> int:
    up(_layout(given), progress, given.only)
    return 0


def _down(given: Namespace, progress: Progress) -> int:
    down(_layout(given), progress, purge=given.purge)
    return 0


def _status(given: Namespace, progress: Progress) -> int:
    found = status.rows(_layout(given))
    status.show(found, progress, as_json=given.json)
    return status.exit_code(found)


def _restart(given: Namespace, progress: Progress) -> int:
    restart(_layout(given), given.name, progress)
    return 0


def _demo(given: Namespace, progress: Progress) -> int:
    return demo(_layout(given), progress)


def _dead_letters(given: Namespace, progress: Progress) -> int:
    return letters.command(given, _layout(given), progress)


def _drill(given: Namespace, progress: Progress) -> int:
    return drills.command(given, _layout(given), progress)


def _scenario(given: Namespace, progress: Progress) -> int:
    return scenarios.command(given, _layout(given), progress)


def _chaos(given: Namespace, progress: Progress) -> int:
    return chaos(_layout(given), given, progress)


def _load(given: Namespace, progress: Progress) -> int:
    return load(_layout(given), given, progress)


def _bench(given: Namespace, progress: Progress) -> int:
    return bench(_layout(given), given, progress)


def _soak(given: Namespace, progress: Progress) -> int:
    return soak(_layout(given), given, progress)


def _layout(given: Namespace) -> Layout:
    return Layout(given.run_dir.resolve())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
