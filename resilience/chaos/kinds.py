"""What can be done to the system, by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from stack.errors import StackError

Seconds = tuple[float, float]
"""The shortest and the longest; one in between is drawn."""
MOMENT: Seconds = (0.0, 0.0)
HEARTBEATS_MISSED: Seconds = (19.0, 23.0)
"""Longer than the services wait before they give a broker up that says nothing (18 s)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. What shares a lane hits the same thing, and is done one after the other."""

    name: str
    lane: str
    holds: tuple[Seconds, ...]
    """How long it lasts: one of these is drawn, then a length within it."""
    recovery: float
    """How long it takes at most, about, until what was hit works again (s)."""
    brokers: Literal["any", "one", "cluster"] = "any"


def _kinds() -> Iterable[Kind]:
    brief, short = (0.5, 5.0), (0.5, 4.0)
    for name, brokers in (("rabbitmq", "one"), ("node", "cluster")):
        where: Literal["one", "cluster"] = "one" if brokers == "one" else "cluster"
        yield Kind(f"stop-{name}", "rabbitmq", (short,), 18, where)
        yield Kind(f"kill-{name}", "rabbitmq", (short,), 12, where)
        yield Kind(f"freeze-{name}", "rabbitmq", ((1.0, 8.0), HEARTBEATS_MISSED), 3, where)
    for service in ("worker", "notifier", "api"):
        yield Kind(f"kill-{service}", service, (MOMENT, short), 5)
        yield Kind(f"sigterm-{service}", service, (MOMENT,), 12)
    yield Kind("kill-redis", "redis", (MOMENT, short), 2)
    yield Kind("freeze-redis", "redis", (brief,), 1)
    for connection, stalls in (
        ("amqp", ((1.0, 6.0), HEARTBEATS_MISSED)),
        ("redis", (brief,)),
        ("smtp", (brief,)),
    ):
        yield Kind(f"cut-{connection}", f"{connection} connection", (brief,), 1)
        yield Kind(f"delay-{connection}", f"{connection} connection", (brief,), 1)
        yield Kind(f"stall-{connection}", f"{connection} connection", stalls, 1)
    yield Kind("duplicate-messages", "messages", (MOMENT,), 2)
    yield Kind("steal-messages", "messages", ((1.0, 3.0),), 2)
    yield Kind("poison-messages", "messages", (MOMENT,), 2)


KINDS = {kind.name: kind for kind in _kinds()}


class UnknownFaultError(StackError):
    """A fault that there is not, or not with so many brokers; the message names those there are."""


def select(names: str, *, cluster: bool) -> tuple[Kind, ...]:
    """Return the kinds of a comma-separated list, or those that `all` stands for, each once.

    Raises:
        UnknownFaultError: One of them does not exist here.
    """
    here = {name: kind for name, kind in KINDS.items() if kind.brokers in {"any", _brokers(cluster=cluster)}}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in {*here, "all"}]:
        with_brokers = "three brokers" if cluster else "one broker"
        raise UnknownFaultError(
            f"no fault is called {', '.join(unknown)}; with {with_brokers} there are all, {', '.join(here)}"
        )
    if not wanted:
        raise UnknownFaultError(f"no fault is named; there are all, {', '.join(here)}")
    return tuple(kind for name, kind in here.items() if name in wanted or "all" in wanted)


def _brokers(*, cluster: bool) -> str:
    return "cluster" if cluster else "one"
