"""`python -m stack chaos`: injects faults while orders come in, and accounts for every order."""

import sys
from argparse import Namespace
from contextlib import ExitStack

import uvloop
from rich.console import Console

from resilience.chaos import report
from resilience.chaos.blueprint import blueprint
from resilience.chaos.options import Options, parse
from resilience.chaos.plan import Plan, plan
from resilience.chaos.run import Outcome, run
from resilience.chaos.system import first_error
from stack import install
from stack.down import down
from stack.errors import StackError
from stack.layout import Layout, write_json
from stack.locking import interruptible, locked
from stack.ports import ANY_PORTS, reserved_ports
from stack.progress import Progress


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Break what can break while orders come in, and account for every one.

    Return 0 when every accepted order is accounted for, 1 when not.

    Raises:
        UsageError: An option makes no sense.
        StackError: The system cannot be started, or does not recover after a fault.
    """
    options = parse(given)
    scenario = plan(options.seed, options.kinds, options.orders / options.rate, nodes=options.cluster or 1)
    what = f"{options.orders} orders in {scenario.seconds:.0f} s, {len(scenario.faults)} faults"
    progress.write(f"{what}, seed {options.seed}")
    down(layout, progress, purge=True)  # what an earlier run left behind, if its harness crashed
    with locked(layout), interruptible():
        observers = ("prometheus",) if options.observe else ()
        install.ensure(("epmd", "rabbitmq", "redis", *observers), layout, progress)
        outcome = _run(layout, options, scenario, progress)
    return _conclude(layout, options, scenario, outcome, progress)


def _run(layout: Layout, options: Options, scenario: Plan, progress: Progress) -> Outcome:
    with ExitStack() as claims:
        count = options.cluster or 1
        claimed = [claims.enter_context(reserved_ports(ANY_PORTS)) for _ in range(2 * count)]
        ports, between = claimed[:count], claimed[count:]
        parts = blueprint(layout, ports, between, observe=options.observe)
        try:
            return uvloop.run(run(options, scenario, parts, progress))
        except (BaseExceptionGroup, TimeoutError) as raised:
            error = first_error(raised)
            if isinstance(error, (TimeoutError, OSError)):
                raise StackError(f"the run was broken off: {error!r}") from raised
            raise error from None


def _conclude(layout: Layout, options: Options, scenario: Plan, outcome: Outcome, progress: Progress) -> int:
    # Beside the run directory, which the next run empties.
    file = layout.run_dir.with_name(f"{layout.run_dir.name}.json")
    write_json(file, report.document(options, scenario, outcome))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(report.table(outcome))
    losses = report.losses(outcome)
    verdict = "failed: " + ", ".join(f"{count} {name}" for name, count in losses.items()) if losses else "ok"
    progress.write(f"chaos: {verdict}; seed {options.seed}, {file}, logs in {layout.logs}")
    return 1 if losses else 0
