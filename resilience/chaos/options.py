"""What a run is told: by its command line, or by the environment."""

import os
import secrets
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from resilience.chaos.kinds import Kind, select
from stack.errors import StackError

MAX_ORDERS = 1_000_000
MAX_RATE = 500.0
CLUSTERS = (0, 3)


class OptionError(StackError):
    """An option that makes no sense; the message says which."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is told."""

    orders: int
    seed: int
    kinds: tuple[Kind, ...]
    rate: float
    """Orders a second, at most: fewer when the faults need more time than the orders."""
    cluster: int
    """How many brokers; 0 for one that is no cluster."""
    observe: bool


def add_options(parser: ArgumentParser) -> None:
    """Add the options; what the environment says is their default."""
    add, environ = parser.add_argument, os.environ
    add(
        "--orders", default=environ.get("CHAOS_ORDERS") or "2000", help="orders to place (CHAOS_ORDERS; 2000)"
    )
    add("--seed", default=environ.get("CHAOS_SEED") or "", help="makes a run repeatable (CHAOS_SEED; random)")
    add("--faults", default=environ.get("CHAOS_FAULTS") or "all", help="comma-separated (CHAOS_FAULTS; all)")
    add("--rate", default=environ.get("CHAOS_RATE") or "60", help="orders/s at most (CHAOS_RATE; 60)")
    add("--cluster", default=environ.get("CLUSTER") or "0", help="0, or 3 brokers (CLUSTER; 0)")
    add("--observe", action="store_true", help="with Prometheus and a trace store")


def parse(given: Namespace) -> Options:
    """Return what was given, checked.

    Raises:
        OptionError, UnknownFaultError: Something makes no sense.
    """
    cluster = _number("cluster", given.cluster, 0, max(CLUSTERS))
    if cluster not in CLUSTERS:
        raise OptionError(f"cluster: {cluster} brokers are not offered; 0 is one broker, 3 is a cluster")
    seed = _number("seed", given.seed or str(secrets.randbelow(2**31)), 0, 2**63)
    return Options(
        orders=_number("orders", given.orders, 1, MAX_ORDERS),
        seed=seed,
        kinds=select(given.faults, cluster=bool(cluster)),
        rate=_rate(given.rate),
        cluster=cluster,
        observe=given.observe,
    )


def _number(name: str, text: str, least: int, most: int) -> int:
    # Not isdigit: it takes digits that int does not, and int takes signs and underscores.
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise OptionError(f"{name}: {text!r} is no whole number from {least} to {most}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MAX_RATE:
        raise OptionError(f"rate: {text!r} is no number above 0 and up to {MAX_RATE:.0f}")
    return rate
