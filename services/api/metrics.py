"""What the api counts beside what every service shows."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from services.common.instruments import Count, Instruments

P = ParamSpec("P")
R = TypeVar("R")


class Metrics:
    """The api's counters, each of which takes the value of its label."""

    def __init__(self, instruments: Instruments) -> None:
        """Register them, once in a process."""
        counter = instruments.counter
        self.accepted = counter(
            "orders_accepted", "Orders answered with 202.", "outcome", ("new", "replayed")
        )
        self.decisions = counter(
            "rate_limit_decisions", "Requests that met the rate limit.", "decision", ("allowed", "limited")
        )
        handled, unsettled = ("replayed", "discarded"), ("pending", "processing")
        self.dead_letters = counter(
            "dead_letters_handled", "Dead letters by what an operator did with them.", "action", handled
        )
        self.late = counter(
            "orders_late", "Orders that are open 5 s after they were accepted.", "status", unsettled
        )
        reads = ("hit", "miss", "open")
        self.cache_reads = counter("order_cache_reads", "Reads of single orders.", "result", reads)


def counted(
    call: Callable[P, Awaitable[R]], count: Count, label: Callable[[R], str]
) -> Callable[P, Awaitable[R]]:
    """Return the call, each result of which is counted under its label's value."""

    async def counting(*args: P.args, **kwargs: P.kwargs) -> R:
        result = await call(*args, **kwargs)
        count(label(result))
        return result

    return counting
