"""`load`: simulated users place orders and follow them to their end; thresholds judge the run."""

from argparse import Namespace

from loadtests.options import parse
from loadtests.soak.process import run_locust
from loadtests.soak.target import under_load
from stack.layout import Layout
from stack.locking import interruptible
from stack.progress import Progress


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Let simulated users place orders and follow them, and judge by thresholds.

    Return 0 when everything is within its threshold, 1 otherwise.

    Raises:
        StackError: The stack cannot be started, or the api does not answer.
    """
    options = parse(given)
    given.results = given.results or str(layout.run_dir)
    with interruptible(), under_load(layout, given.host, options.interval, progress) as target:
        given.host, given.traces = target.host, given.traces or target.traces
        options = parse(given)
        if options.ui:
            progress.write(f"Locust: http://{options.ui_host}:{options.ui_port}; Ctrl-C ends it")
        else:
            rate = f"{options.users} users, {options.rate:g} orders/s"
            progress.write(f"{options.shape}: {rate}, {options.seconds} s, {options.host}")
        return run_locust(layout, target.environment() | options.environment())
