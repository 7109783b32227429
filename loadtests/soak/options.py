"""What a soak is told: by `SOAK_*` variables or on the command line, checked before anything starts."""

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from loadtests.options import MAX_RATE, MAX_SECONDS, number

SHARE = 0.7
"""Of the highest rate that was held."""
LEAST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Options:
    """What a soak is told."""

    seconds: int
    rate: float
    """Orders a second to keep up; 0: `SHARE` of the highest rate that is held, which is found first."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options; the environment says what is not given."""
    parser.add_argument("--seconds", default="", help="how long (600); SOAK_SECONDS")
    parser.add_argument(
        "--rate", default="", help="orders a second (70 %% of the highest rate held, found first); SOAK_RATE"
    )


def parse(given: Namespace) -> Options:
    """Return what was given, checked.

    Raises:
        OptionError: Something makes no sense.
    """
    told = {
        "SOAK_SECONDS": given.seconds or os.environ.get("SOAK_SECONDS", ""),
        "SOAK_RATE": given.rate or os.environ.get("SOAK_RATE", ""),
    }
    told = {name: value for name, value in told.items() if value}
    return Options(
        seconds=int(number(told, "SOAK_SECONDS", 600, LEAST_SECONDS, MAX_SECONDS, whole=True)),
        rate=number(told, "SOAK_RATE", 0, 1, MAX_RATE),
    )
