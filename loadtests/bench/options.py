"""What a run is told: by its command line, or by the environment."""

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.variants import KINDS, NAMES, SHARE, sampled_share
from stack.errors import StackError
from stack.layout import DEFAULT_RUN_DIR, ROOT


class OptionError(StackError):
    """An option that makes no sense; the message says which."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is told."""

    seconds: float
    """How long one slice of a service takes."""
    rounds: int
    """How often each takes its turn, after one that warms it up."""
    clients: int
    """Requests on the way to an api at the same time."""
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    processes: int
    """How many processes of each service; with more than one, they may use every core."""


DEFAULTS = {
    "seconds": ("2", "of one slice"),
    "rounds": ("7", "how often each takes its turn"),
    "clients": ("32", "requests on the way at once"),
    "kinds": (",".join(KINDS), "what is measured"),
    "variants": (",".join(NAMES), "which of each are compared"),
    "processes": ("1", "of each service; more than one are not pinned to a core"),
}


def parser() -> ArgumentParser:
    """Return the command line's parser; what the environment says is the default of its options."""
    found = ArgumentParser(
        "python -m loadtests.bench",
        description="What api and worker can do on one core, and what telemetry costs.",
    )
    for name, (default, what) in DEFAULTS.items():
        variable = f"BENCH_{name.upper()}"
        text = f"{what} ({variable}; {default})"
        found.add_argument(f"--{name}", default=os.environ.get(variable) or default, help=text)
    run_dir = DEFAULT_RUN_DIR / "bench"
    text = f"data, logs, state (default: {run_dir.relative_to(ROOT)}); the figures are written beside it"
    found.add_argument("--run-dir", type=Path, default=run_dir, help=text)
    return found


def parse(given: Namespace) -> Options:
    """Return what was given, checked, as is what the services find in the environment.

    Raises:
        OptionError: Something makes no sense.
    """
    try:
        sampled_share()
    except ValueError as error:
        raise OptionError(f"{SHARE}: {os.environ[SHARE]!r} is no number from 0 to 1") from error
    return Options(
        seconds=_seconds(given.seconds),
        rounds=_number("rounds", given.rounds, 1, 100),
        clients=_number("clients", given.clients, 1, 1000),
        kinds=_some("kinds", given.kinds, KINDS),
        names=_some("variants", given.variants, NAMES),
        processes=_number("processes", given.processes, 1, 16),
    )


def _number(name: str, text: str, least: int, most: int) -> int:
    # Not isdigit alone: it takes digits that int does not.
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise OptionError(f"{name}: {text!r} is no whole number from {least} to {most}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:  # noqa: PLR2004 - named in the message
        raise OptionError(f"seconds: {text!r} is no number from 0.1 to 60")
    return seconds


def _some(name: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    wanted = {part.strip() for part in text.split(",") if part.strip()}
    if not wanted or wanted - set(known):
        raise OptionError(f"{name}: {text!r} is none of {', '.join(known)}")
    return tuple(one for one in known if one in wanted)
