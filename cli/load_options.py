"""The load test's options on a command line; the environment says what is not given there."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

HELP = {
    "users": "users that place orders (two for each order a second)",
    "shape": "steady, ramp, spike or soak (steady)",
    "seconds": "how long (60; ramp 120, soak 600)",
    "rate": "orders a second (20)",
    "host": "an api's address (the native stack's, which is started unless it runs)",
    "ui": "1: Locust's web UI instead of a run at once",
    "ui-port": "where that listens (8089)",
    "p95-ms": "what the p95 of no kind of request may be over (250)",
    "settled-p99-ms": "what the p99 from acceptance to settlement may not be over (1000)",
    "max-errors": "the share of requests that may fail (0.01)",
}


def variable(option: str) -> str:
    """Return the variable that an option overrules."""
    return f"LOAD_{option.replace('-', '_').upper()}"


def add_options(parser: ArgumentParser) -> None:
    """Add the options."""
    for option, text in HELP.items():
        parser.add_argument(f"--{option}", default="", help=f"{text}; {variable(option)}")


def told(given: Namespace, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment, overruled by what was given on the command line."""
    values = {option: getattr(given, option.replace("-", "_")) for option in HELP}
    overruling = {variable(option): value for option, value in values.items() if value}
    return {**(os.environ if environ is None else environ), **overruling}
