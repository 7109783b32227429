"""`python -m stack load`: users place orders and follow them to their end; thresholds judge that."""

import sys
from argparse import Namespace

from cli.load_options import told
from loadtests.options import OptionError, parse
from loadtests.soak.locust import run_locust
from loadtests.soak.target import under_load
from stack.layout import Layout
from stack.locking import interruptible
from stack.progress import RED, Progress, progress_on

USAGE = 2


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Return 0 when all is within its threshold, 1 when not, 2 for options that make no sense.

    Raises:
        StackError: The stack cannot be started, or the api does not answer.
    """
    environment = {"LOAD_RESULTS": str(layout.run_dir), **told(given)}
    try:
        options = parse(environment)
    except OptionError as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error}", RED))
        return USAGE
    with interruptible(), under_load(layout, environment, options.interval, progress) as where:
        if options.ui:
            progress.write(f"Locust: http://{options.ui_host}:{options.ui_port}; Ctrl-C ends it")
        else:
            rate = f"{options.users} users, {options.rate:g} orders/s"
            progress.write(f"{options.shape}: {rate}, {options.seconds} s, {where['LOAD_HOST']}")
        return run_locust(layout, {**environment, **where})
