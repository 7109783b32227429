"""What a load test is told: by `LOAD_*` variables, checked before anything starts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SHAPES = ("steady", "ramp", "spike", "soak")
MAX_USERS = 5000
MAX_RATE = 2000.0
MAX_SECONDS = 24 * 3600
SPAWNED_A_SECOND = 100.0
"""More at once is known to upset Locust."""
INTERVAL_SECONDS = 2.0
"""Between two orders of one user, unless both users and rate are given."""
SECONDS = {"steady": 60, "ramp": 120, "spike": 60, "soak": 600}


class OptionError(Exception):
    """A variable that makes no sense; the message says which, and what it may be."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a load test is told."""

    host: str
    """The api's base URL."""
    shape: str
    """One of `SHAPES`; empty with the web UI, where the number of users is set by hand."""
    users: int
    """Users that place orders, when there are most of them."""
    rate: float
    """Orders a second that so many users place."""
    seconds: int
    ui: bool
    ui_host: str
    ui_port: int
    p95_ms: float
    """What the p95 of no kind of request may be over."""
    settled_p99_ms: float
    """What the p99 from accepting an order to its settlement may not be over."""
    max_errors: float
    """The share of requests that may fail."""
    results: Path
    """Where `load.json` and `load.html` go."""
    traces: str
    """Base URL of what shows traces."""
    api_key: str

    @property
    def interval(self) -> float:
        """Seconds between two orders of one user."""
        return self.users / self.rate

    @property
    def spawn_rate(self) -> float:
        """Users that come in a second."""
        return min(SPAWNED_A_SECOND, float(self.users))

    @property
    def spawn_seconds(self) -> float:
        """How long it takes until all users are there: those of a second come together, the first at once."""
        return self.users / self.spawn_rate - 1


def parse(environ: Mapping[str, str]) -> Options:
    """Return what the environment says; an empty variable is none.

    Raises:
        OptionError: Something makes no sense.
    """
    told = {name: value.strip() for name, value in environ.items() if value.strip()}
    ui = _choice(told, "LOAD_UI", ("0", "1"), "0") == "1"
    shape = _choice(told, "LOAD_SHAPE", SHAPES, "" if ui else "steady")
    users, rate = _users_and_rate(told)
    return Options(
        host=_address(told, "LOAD_HOST", "http://127.0.0.1:8000"),
        shape=shape,
        users=users,
        rate=rate,
        seconds=int(number(told, "LOAD_SECONDS", SECONDS[shape or "steady"], 1, MAX_SECONDS, whole=True)),
        ui=ui,
        ui_host=told.get("LOAD_UI_HOST", "127.0.0.1"),
        ui_port=int(number(told, "LOAD_UI_PORT", 8089, 1, 65535, whole=True)),
        p95_ms=number(told, "LOAD_P95_MS", 250, 1, 600_000),
        settled_p99_ms=number(told, "LOAD_SETTLED_P99_MS", 1000, 1, 600_000),
        max_errors=number(told, "LOAD_MAX_ERRORS", 0.01, 0, 1),
        results=Path(told.get("LOAD_RESULTS", ".run")).absolute(),
        traces=_address(told, "LOAD_TRACES", "http://127.0.0.1:16686"),
        api_key=told.get("API_KEY", ""),
    )


def _users_and_rate(told: Mapping[str, str]) -> tuple[int, float]:
    """Return both; one that is not given follows from the other."""
    users = int(number(told, "LOAD_USERS", 0, 1, MAX_USERS, whole=True))
    rate = number(told, "LOAD_RATE", users / INTERVAL_SECONDS or 20, 0.1, MAX_RATE)
    return users or math.ceil(rate * INTERVAL_SECONDS), rate


def _choice(told: Mapping[str, str], name: str, among: tuple[str, ...], default: str) -> str:
    value = told.get(name, default)
    if name in told and value not in among:
        raise OptionError(f"{name}: {value!r} is not one of {', '.join(among)}")
    return value


def number(  # noqa: PLR0913 - a value, its default and its bounds
    told: Mapping[str, str], name: str, default: float, least: float, most: float, *, whole: bool = False
) -> float:
    """Return the number that a variable says.

    Raises:
        OptionError: It says none, or one that is out of bounds.
    """
    if name not in told:
        return default
    text, kind = told[name], "whole number" if whole else "number"
    # float() takes underscores, digits of every script, "nan" and "inf".
    plain = text.isascii() and text.replace(".", "", 0 if whole else 1).isdigit()
    if not plain or not least <= float(text) <= most:
        raise OptionError(f"{name}: {text!r} is no {kind} from {least:g} to {most:g}")
    return float(text)


def _address(told: Mapping[str, str], name: str, default: str) -> str:
    text = told.get(name, default).rstrip("/")
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or text != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise OptionError(f"{name}: {text!r} is no address like http://127.0.0.1:8000")
    return text
