"""The options of a run, given on the command line or in the environment."""

import os
import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

from resilience.chaos.kinds import Kind, select
from stack.errors import UsageError

RANGES = {"orders": (1, 30_000), "seed": (0, 2**63), "rate": (0.01, 500.0)}
"""The inbox keeps about 38,000 emails (128 MiB), and the ledger needs one of each order."""
CLUSTERS = (0, 3)


@dataclass(frozen=True, slots=True)
class Options:
    """The options, checked."""

    orders: int
    seed: int
    kinds: tuple[Kind, ...]
    rate: float
    """Orders a second, at most: fewer when the faults need more time than the orders."""
    cluster: int
    """How many brokers form a cluster; 0 for a single one."""
    observe: bool


def add_options(parser: ArgumentParser) -> None:
    """Add the options; the environment variables in parentheses give their defaults."""

    def add(name: str, variable: str, kind: Callable[[str], object], default: str, text: str) -> None:
        value = os.environ.get(variable) or default
        parser.add_argument(name, type=kind, default=value, help=f"{text} ({variable})")

    add("--orders", "CHAOS_ORDERS", int, "2000", "orders to place, by default 2000")
    drawn = str(secrets.randbelow(2**31))
    add("--seed", "CHAOS_SEED", int, drawn, "makes a run repeatable, by default random")
    add("--faults", "CHAOS_FAULTS", str, "all", "names separated by commas, by default all")
    add("--rate", "CHAOS_RATE", float, "60", "orders a second at most, by default 60")
    add("--cluster", "CLUSTER", int, "0", "3 for a cluster of three brokers, by default 0")
    parser.add_argument("--observe", action="store_true", help="with Prometheus and a trace store")


def parse(given: Namespace) -> Options:
    """Return the options of a command line, checked.

    Raises:
        UsageError: An option makes no sense; the message says which.
    """
    for name, (least, most) in RANGES.items():
        if not least <= getattr(given, name) <= most:
            raise UsageError(f"{name}: {getattr(given, name)} is not from {least} to {most}")
    if given.cluster not in CLUSTERS:
        raise UsageError(f"cluster: {given.cluster} brokers are not offered; 0 is one broker, 3 is a cluster")
    kinds = select(given.faults, cluster=bool(given.cluster))
    return Options(given.orders, given.seed, kinds, given.rate, given.cluster, given.observe)
