"""`python -m loadtests`: checks the options, and becomes Locust."""

import os
import re
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

from pydantic import ValidationError

from loadtests.options import add_options, parse
from observability import TelemetrySettings

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
OTLP_FILES = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?(CERTIFICATE|CLIENT_KEY)")
STOP_SECONDS = "15"
"""How long users may take to finish their journeys."""

if __name__ == "__main__":
    parser = ArgumentParser("python -m loadtests", description="Put an api under load with simulated users.")
    add_options(parser)
    options = parse(parser.parse_args())
    try:
        TelemetrySettings()  # Locust would show a traceback
    except ValidationError as error:
        wrong = [f"{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        parser.error("; ".join(wrong))
    command = [sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE), "--host", options.host]
    command += ["--stop-timeout", STOP_SECONDS, "--loglevel", "WARNING"]
    if not options.ui:
        command += ["--headless", "--only-summary"]
    else:
        command += ["--web-host", options.ui_host, "--web-port", str(options.ui_port)]
    if options.ui and not options.shape:
        command += ["--users", str(options.users), "--spawn-rate", str(options.spawn_rate)]
    # Where SIGINT was ignored, as in a shell's background jobs, Locust could not be asked to end and report.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Locust's own variables and files, in the user's folder and in the current one, have no say.
    here, inherited = LOCUSTFILE.parent, os.environ.items()
    environment = {name: value for name, value in inherited if not name.startswith("LOCUST_")}
    files = {name: value for name, value in environment.items() if value and OTLP_FILES.fullmatch(name)}
    environment |= {name: str(Path(value).absolute()) for name, value in files.items()}
    environment |= options.environment() | {"HOME": str(here), "PYTHONPATH": str(here.parent)}
    os.chdir(here)
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own command
