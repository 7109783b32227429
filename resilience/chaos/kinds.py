"""The kinds of faults, by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from stack.selection import named

Seconds = tuple[float, float]
"""The shortest and the longest duration; one in between is drawn."""
Brokers = Literal["any", "one", "cluster"]
MOMENT, SHORT, BRIEF = (0.0, 0.0), (0.5, 4.0), (0.5, 5.0)
HEARTBEATS_MISSED: Seconds = (19.0, 23.0)
"""Longer than the services wait for a broker that does not answer (18 s)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. Faults that hit the same thing share a lane, and happen one after the other."""

    name: str
    lane: str
    durations: tuple[Seconds, ...]
    """How long it lasts: one of these is drawn, then a duration within it."""
    recovery: float
    """How long it takes at most, about, until what was hit works again (s)."""
    brokers: Brokers = "any"


def _kinds() -> Iterable[Kind]:
    names: tuple[tuple[str, Brokers], ...] = (("rabbitmq", "one"), ("node", "cluster"))
    for name, brokers in names:
        yield Kind(f"stop-{name}", "rabbitmq", (SHORT,), 18, brokers)
        yield Kind(f"kill-{name}", "rabbitmq", (SHORT,), 12, brokers)
        yield Kind(f"freeze-{name}", "rabbitmq", ((1.0, 8.0), HEARTBEATS_MISSED), 3, brokers)
    for service in ("worker", "notifier", "api"):
        yield Kind(f"kill-{service}", service, (MOMENT, SHORT), 5)
        yield Kind(f"sigterm-{service}", service, (MOMENT,), 12)
    yield Kind("kill-redis", "redis", (MOMENT, SHORT), 2)
    yield Kind("freeze-redis", "redis", (BRIEF,), 1)
    for connection in ("amqp", "redis", "smtp"):
        stalls = ((1.0, 6.0), HEARTBEATS_MISSED) if connection == "amqp" else (BRIEF,)
        yield Kind(f"cut-{connection}", f"{connection} connection", (BRIEF,), 1)
        yield Kind(f"delay-{connection}", f"{connection} connection", (BRIEF,), 1)
        yield Kind(f"stall-{connection}", f"{connection} connection", stalls, 1)
    yield Kind("duplicate-messages", "messages", (MOMENT,), 2)
    yield Kind("steal-messages", "messages", ((1.0, 3.0),), 2)
    yield Kind("poison-messages", "messages", (MOMENT,), 2)


KINDS = {kind.name: kind for kind in _kinds()}


def select(names: str, *, cluster: bool) -> tuple[Kind, ...]:
    """Return the kinds that a comma-separated list names, each once; `all` names every one.

    Raises:
        UsageError: One of them does not exist with so many brokers; the message names those that do.
    """
    here = {
        name: kind for name, kind in KINDS.items() if kind.brokers in {"any", "cluster" if cluster else "one"}
    }
    return named(names, here, f"fault with {'three brokers' if cluster else 'one broker'}")
