"""What the api counts beside what every service shows, put around the functions that decide it."""

from collections.abc import Awaitable, Callable

from services.api.limits import Decision
from services.api.orders import Placed
from services.api.schemas import NewOrder
from services.common.instruments import Count, Instruments

Place = Callable[[NewOrder, str | None], Awaitable[Placed]]
Decide = Callable[[str], Awaitable[Decision]]


def count_accepted(instruments: Instruments, place: Place) -> Place:
    """Count each order that the use case accepts."""
    count = instruments.counter(
        "orders_accepted", "Orders answered with 202.", "outcome", ("new", "replayed")
    )

    async def counted(new: NewOrder, key: str | None) -> Placed:
        placed = await place(new, key)
        count("replayed" if placed.replayed else "new")
        return placed

    return counted


def count_decisions(instruments: Instruments) -> Callable[[Decide], Decide]:
    """Return what counts each decision of a rate limiter; the metric is registered once."""
    count = instruments.counter(
        "rate_limit_decisions", "Requests that met the rate limit.", "decision", ("allowed", "limited")
    )

    def counted(decide: Decide) -> Decide:
        async def decided(client: str) -> Decision:
            decision = await decide(client)
            count("allowed" if decision.allowed else "limited")
            return decision

        return decided

    return counted


def dead_letters_handled(instruments: Instruments) -> Count:
    """Return the counter of dead letters that operators replayed or discarded."""
    return instruments.counter(
        "dead_letters_handled",
        "Dead letters by what an operator did with them.",
        "action",
        ("replayed", "discarded"),
    )


def cache_reads(instruments: Instruments) -> Count:
    """Return the counter of an order cache's reads."""
    return instruments.counter(
        "order_cache_reads", "Reads of single orders.", "result", ("hit", "miss", "open")
    )
