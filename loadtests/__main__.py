"""`python -m loadtests`: checks what it is told, and becomes Locust."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from loadtests.options import OptionError, Options, parse
from stack.progress import RED, progress_on

USAGE = 2
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STOP_SECONDS = 15
"""How long users may take to finish what they are at."""


def command(options: Options) -> list[str]:
    """Return Locust's command line."""
    names = ("-f", str(LOCUSTFILE), "--host", options.host, "--loglevel", "WARNING")
    ends = ("--stop-timeout", str(STOP_SECONDS), "--html", str(options.results / "load.html"))
    if options.ui:
        web = ("--web-host", options.ui_host, "--web-port", str(options.ui_port))
        users = ("--users", str(options.users), "--spawn-rate", str(options.spawn_rate))
        how = (*web, *(() if options.shape else users))
    else:
        how = ("--headless", "--only-summary")
    return [sys.executable, "-m", "locust", *names, *ends, *how]


def main() -> NoReturn:
    """Become Locust; exit with status 2 when told what makes no sense."""
    try:
        options = parse(os.environ)
    except OptionError as error:
        complaint = progress_on(sys.stderr)
        complaint.write(complaint.paint(f"error: {error}", RED))
        sys.exit(USAGE)
    # Where it was ignored, as in a shell's background jobs, Locust could not be asked to end and report.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    environment = {**os.environ, "PYTHONPATH": str(LOCUSTFILE.parents[1])}
    os.execve(sys.executable, command(options), environment)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
