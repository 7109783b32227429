"""What the api counts beside what every service shows."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from services.common.instruments import Count, Instruments

P = ParamSpec("P")
R = TypeVar("R")


def counted(
    call: Callable[P, Awaitable[R]], count: Count, label: Callable[[R], str]
) -> Callable[P, Awaitable[R]]:
    """Return the call, each result of which is counted under its label's value."""

    async def counting(*args: P.args, **kwargs: P.kwargs) -> R:
        result = await call(*args, **kwargs)
        count(label(result))
        return result

    return counting


def orders_accepted(instruments: Instruments) -> Count:
    """Return the counter of orders that were accepted."""
    outcomes = ("new", "replayed")
    return instruments.counter("orders_accepted", "Orders answered with 202.", "outcome", outcomes)


def rate_limit_decisions(instruments: Instruments) -> Count:
    """Return the counter of what the rate limiter decided."""
    decisions = ("allowed", "limited")
    return instruments.counter(
        "rate_limit_decisions", "Requests that met the rate limit.", "decision", decisions
    )


def dead_letters_handled(instruments: Instruments) -> Count:
    """Return the counter of dead letters that operators replayed or discarded."""
    actions = ("replayed", "discarded")
    return instruments.counter(
        "dead_letters_handled", "Dead letters by what an operator did with them.", "action", actions
    )


def cache_reads(instruments: Instruments) -> Count:
    """Return the counter of an order cache's reads."""
    results = ("hit", "miss", "open")
    return instruments.counter("order_cache_reads", "Reads of single orders.", "result", results)
