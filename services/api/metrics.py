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
        self.accepted = instruments.counter(
            "orders_accepted", "Orders answered with 202.", "outcome", ("new", "replayed")
        )
        self.decisions = instruments.counter(
            "rate_limit_decisions", "Requests that met the rate limit.", "decision", ("allowed", "limited")
        )
        self.dead_letters = instruments.counter(
            "dead_letters_handled",
            "Dead letters by what an operator did with them.",
            "action",
            ("replayed", "discarded"),
        )
        self.late = instruments.counter(
            "orders_late",
            "Orders that are open 5 s after they were accepted.",
            "status",
            ("pending", "processing"),
        )
        self.cache_reads = instruments.counter(
            "order_cache_reads", "Reads of single orders.", "result", ("hit", "miss", "open")
        )


def counted(
    call: Callable[P, Awaitable[R]], count: Count, label: Callable[[R], str]
) -> Callable[P, Awaitable[R]]:
    """Return the call, each result of which is counted under its label's value."""

    async def counting(*args: P.args, **kwargs: P.kwargs) -> R:
        result = await call(*args, **kwargs)
        count(label(result))
        return result

    return counting
