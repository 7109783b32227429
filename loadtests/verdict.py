"""Whether a run kept its thresholds and its rate, by the document that `report` writes."""

from collections.abc import Mapping
from typing import Any

from loadtests.options import Options
from loadtests.orders import SETTLED_ENTRY

ORDER = "ORDER"
"""The method of entries that are no requests."""
HELD = 0.9
"""The share of the requested rate at which it counts as held."""
STEADY = frozenset({"steady", "soak"})
"""The shapes with all users all the time, once they have come."""


def title(method: str, name: str) -> str:
    """Return the title of an entry."""
    return name if method == ORDER else f"{method} {name}"


def broken(options: Options, found: Mapping[str, Any]) -> list[str]:
    """Return what exceeds its threshold, and by how much; nothing when all is well."""
    entries, orders = found["entries"], found["orders"]
    bounds = [("p95", one, options.p95_ms) for one in entries if one["method"] != ORDER]
    bounds += [("p99", one, options.settled_p99_ms) for one in entries if one["name"] == SETTLED_ENTRY]
    complaints = [
        f"{entry['title']}: {name} {value:g} ms is over {bound:g} ms by {value - bound:g} ms"
        for name, entry, bound in bounds
        if (value := entry[f"{name}_ms"]) > bound
    ]
    rate = found["failures"] / found["requests"] if found["requests"] else 0.0
    if (over := rate - options.max_errors) > 0:
        share = f"{found['failures']} of {found['requests']} ({rate:.2%})"
        complaints.append(f"errors: {share} are over {options.max_errors:.2%} by {over:.2%}")
    if orders["lost"]:
        complaints.append(f"lost: {orders['lost']} of {orders['promised']} promised orders")
    if not orders["promised"]:
        complaints.append("no order was accepted")
    return complaints


def orders_per_second(options: Options, promised: int, seconds: float) -> float:
    """Return the orders that were accepted in a second.

    Where all users are to be there all the time, the time in which they come counts half: half of them are
    there on average. When not all came, it counts as any other.
    """
    came = options.spawn_seconds if options.shape in STEADY else 0.0
    counted = seconds - came / 2 if seconds > came else seconds
    return promised / counted if counted > 0 else 0.0


def rate_held(options: Options, per_second: float) -> bool:
    """Whether users placed as many orders as they were to; if not, the api or this machine was too slow."""
    return options.shape not in STEADY or per_second >= HELD * options.rate
