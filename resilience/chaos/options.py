"""The options of a run, given on the command line or in the environment."""

import os
import secrets
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from resilience.chaos.kinds import Kind, select
from stack.errors import StackError

MAX_ORDERS = 1_000_000
MAX_RATE = 500.0
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

    def add(name: str, variable: str, default: str, help_text: str) -> None:
        parser.add_argument(
            name, default=os.environ.get(variable) or default, help=f"{help_text} ({variable})"
        )

    add("--orders", "CHAOS_ORDERS", "2000", "orders to place, by default 2000")
    add("--seed", "CHAOS_SEED", "", "makes a run repeatable, by default random")
    add("--faults", "CHAOS_FAULTS", "all", "names separated by commas, by default all")
    add("--rate", "CHAOS_RATE", "60", "orders a second at most, by default 60")
    add("--cluster", "CLUSTER", "0", "3 for a cluster of three brokers, by default 0")
    parser.add_argument("--observe", action="store_true", help="with Prometheus and a trace store")


def parse(given: Namespace) -> Options:
    """Return the options of a command line, checked.

    Raises:
        StackError: An option makes no sense; the message says which.
    """
    cluster = _number("cluster", given.cluster, 0, max(CLUSTERS))
    if cluster not in CLUSTERS:
        raise StackError(f"cluster: {cluster} brokers are not offered; 0 is one broker, 3 is a cluster")
    return Options(
        orders=_number("orders", given.orders, 1, MAX_ORDERS),
        seed=_number("seed", given.seed or str(secrets.randbelow(2**31)), 0, 2**63),
        kinds=select(given.faults, cluster=bool(cluster)),
        rate=_rate(given.rate),
        cluster=cluster,
        observe=given.observe,
    )


def _number(name: str, text: str, least: int, most: int) -> int:
    # Not isdigit: it takes digits that int does not, and int takes signs and underscores.
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise StackError(f"{name}: {text!r} is no whole number from {least} to {most}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MAX_RATE:
        raise StackError(f"rate: {text!r} is no number above 0 and up to {MAX_RATE:.0f}")
    return rate
