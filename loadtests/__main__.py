"""`python -m loadtests`: checks the options, and becomes Locust."""

import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import NoReturn

from loadtests.options import Options, add_options, parse

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STOP_SECONDS = 15
"""How long users may take to finish their journeys."""


def command(options: Options) -> list[str]:
    """Return Locust's command line."""
    arguments = ["-f", str(LOCUSTFILE), "--host", options.host, "--loglevel", "WARNING"]
    arguments += ["--stop-timeout", str(STOP_SECONDS), "--html", str(options.results / "load.html")]
    if not options.ui:
        arguments += ["--headless", "--only-summary"]
    else:
        arguments += ["--web-host", options.ui_host, "--web-port", str(options.ui_port)]
        if not options.shape:
            arguments += ["--users", str(options.users), "--spawn-rate", str(options.spawn_rate)]
    return [sys.executable, "-m", "locust", *arguments]


def main() -> NoReturn:
    """Become Locust; exit with status 2 when an option is wrong."""
    about = "Put an api under load with simulated users."
    parser = ArgumentParser("python -m loadtests", "%(prog)s [options]", about)
    add_options(parser)
    options = parse(parser.parse_args())
    # Where SIGINT was ignored, as in a shell's background jobs, Locust could not be asked to end and report.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    environment = {**os.environ, **options.environment(), "PYTHONPATH": str(LOCUSTFILE.parents[1])}
    os.execve(sys.executable, command(options), environment)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
