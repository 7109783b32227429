"""The options of a load test: on a command line, or as `LOAD_*` variables."""

import math
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlsplit

API, TRACES = "http://127.0.0.1:8000", "http://127.0.0.1:16686"
"""The customary addresses."""
SECONDS = {"": 60, "steady": 60, "ramp": 120, "spike": 60, "soak": 600}
"""How long a run of each shape takes; with the web UI there may be none."""
MAX_RATE, MAX_SECONDS = 2000.0, 24 * 3600
SPAWNED_A_SECOND = 100.0
"""Locust gets into trouble when more users start in a second."""
INTERVAL_SECONDS = 2.0
"""Between two orders of one user, unless both users and rate are given."""
RAMP_STEPS = 10
SPIKE_BEGINS, SPIKE_ENDS, BETWEEN_SPIKES = 0.4, 0.6, 0.2
"""Shares of the whole time, and the share of the users that is there before and after the spike."""

Table = Mapping[str, tuple[Callable[[str], Any], str, str]]
"""Of each option: its type, its default, and its help."""


def number(least: float, most: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """Return an argument type: a number within bounds; `kind` is `int` for whole ones."""

    def convert(text: str) -> float:
        # float() takes underscores, digits of every script, "nan" and "inf".
        plain = text.isascii() and text.replace(".", "", 0 if kind is int else 1).isdigit()
        if not plain or not least <= float(text) <= most:
            what = "whole number" if kind is int else "number"
            raise ArgumentTypeError(f"{text!r} is no {what} from {least:g} to {most:g}")
        return kind(text)

    return convert


def _shape(text: str) -> str:
    if text not in SECONDS:
        raise ArgumentTypeError(f"{text!r} is not one of {', '.join(filter(None, SECONDS))}")
    return text


def _address(text: str) -> str:
    address = text.rstrip("/")
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or address != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ArgumentTypeError(f"{text!r} is no address like http://127.0.0.1:8000")
    return address


def _folder(text: str) -> Path:
    path = Path(text).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):  # asks the file system rather than the permissions
            return path
    except OSError as error:
        raise ArgumentTypeError(f"{text!r} is no folder that can be written: {error.strerror}") from error


def _option(kind: Callable[[str], Any], default: str, text: str) -> Any:  # noqa: ANN401 - as field() itself
    return field(metadata={"option": (kind, default, text)})


@dataclass(frozen=True, slots=True)
class Options:
    """The options, complete and checked; addresses are base URLs."""

    host: str = _option(_address, "", "the api's address (the native stack's, started unless it runs)")
    shape: str = _option(_shape, "", "steady, ramp, spike or soak (steady; none with the web UI)")
    users: int = _option(number(1, 5000, int), "", "users that place orders (two for each order a second)")
    rate: float = _option(number(0.1, MAX_RATE), "", "orders a second, when all users are there (20)")
    seconds: int = _option(number(1, MAX_SECONDS, int), "", "how long (60; ramp 120, soak 600)")
    ui: int = _option(number(0, 1, int), "0", "1: Locust's web UI instead of a run at once")
    ui_host: str = _option(str, "127.0.0.1", "the address of the web UI")
    ui_port: int = _option(number(1, 65535, int), "8089", "the port of the web UI")
    p95_ms: float = _option(number(1, 600_000), "250", "bound for the p95 of each kind of request")
    settled_p99_ms: float = _option(number(1, 600_000), "1000", "bound for the p99 to settlement")
    max_errors: float = _option(number(0, 1), "0.01", "the share of requests that may fail")
    results: Path = _option(_folder, "", "where load.json and load.html go (the run directory)")  # noqa: RUF009
    traces: str = _option(_address, "", "the address of what shows traces (the native stack's)")

    @property
    def interval(self) -> float:
        """Seconds between two orders of one user."""
        return self.users / self.rate

    @property
    def spawn_rate(self) -> float:
        """Users that start in a second."""
        return min(SPAWNED_A_SECOND, float(self.users))

    @property
    def spawn_seconds(self) -> float:
        """The time until all users have started: those of a second start together, the first at once."""
        return self.users / self.spawn_rate - 1

    def users_at(self, second: float) -> int | None:
        """Return how many users place orders at a second; None at the end.

        `steady` and `soak` are all users all the time; `ramp` adds a tenth of them ten times; `spike` is all
        of them for a fifth of the time, and a fifth of them before and after.
        """
        passed = second / self.seconds
        if passed >= 1:
            return None
        if self.shape == "ramp":
            return math.ceil(self.users * (math.floor(passed * RAMP_STEPS) + 1) / RAMP_STEPS)
        spike = self.shape != "spike" or SPIKE_BEGINS <= passed < SPIKE_ENDS
        return self.users if spike else math.ceil(self.users * BETWEEN_SPIKES)

    def environment(self) -> dict[str, str]:
        """Return the variables that say the same."""
        return {variable(name): str(value) for name, value in asdict(self).items()}


TYPES: Table = {one.name: one.metadata["option"] for one in fields(Options)}


def variable(name: str, prefix: str = "LOAD") -> str:
    """Return the environment variable of an option."""
    return f"{prefix}_{name.upper()}"


def add_options(parser: ArgumentParser, prefix: str = "LOAD", table: Table = TYPES) -> None:
    """Add the options; the environment gives what is not on the command line."""
    for name, (kind, default, text) in table.items():
        given = os.environ.get(variable(name, prefix), "").strip() or default or None
        option, shown = f"--{name.replace('_', '-')}", f"{text} ({default})" if default else text
        parser.add_argument(option, type=kind, default=given, metavar=variable(name, prefix), help=shown)


def parse(given: Namespace) -> Options:
    """Return the options of a command line; users and rate follow from each other."""
    values = {name: getattr(given, name) for name in TYPES}
    values["shape"] = given.shape or ("" if given.ui else "steady")
    values["rate"] = given.rate or (given.users or 0) / INTERVAL_SECONDS or 20.0
    values["users"] = given.users or math.ceil(values["rate"] * INTERVAL_SECONDS)
    values["seconds"] = given.seconds or SECONDS[values["shape"]]
    values["results"] = Path(given.results or ".run").absolute()
    values["host"], values["traces"] = given.host or API, given.traces or TRACES
    return Options(**values)
