"""`python -m loadtests`: checks the options, and becomes Locust."""

import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

from loadtests.options import add_options, parse

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STOP_SECONDS = "15"
"""How long users may take to finish their journeys."""

if __name__ == "__main__":
    parser = ArgumentParser("python -m loadtests", description="Put an api under load with simulated users.")
    add_options(parser)
    options = parse(parser.parse_args())
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", options.host]
    command += ["--html", str(options.results / "load.html"), "--stop-timeout", STOP_SECONDS]
    command += ["--loglevel", "WARNING"]
    if not options.ui:
        command += ["--headless", "--only-summary"]
    else:
        command += ["--web-host", options.ui_host, "--web-port", str(options.ui_port)]
    if options.ui and not options.shape:
        command += ["--users", str(options.users), "--spawn-rate", str(options.spawn_rate)]
    # Where SIGINT was ignored, as in a shell's background jobs, Locust could not be asked to end and report.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    environment = {**os.environ, **options.environment(), "PYTHONPATH": str(LOCUSTFILE.parents[1])}
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own command
