"""Choosing by name; which components to run, and in which order to stop them."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from stack import programs
from stack.components import BUILDERS, SERVICES, grafana_program
from stack.errors import StackError, UsageError
from stack.processes import Process

T = TypeVar("T")
NEEDS = {"rabbitmq": ("epmd",)}


def select(only: Iterable[str] | None = None) -> list[str]:
    """Return the components to run: all that this machine can, or the given ones and what they need.

    Raises:
        StackError: There is no component of that name.
    """
    wanted = set(only) if only is not None else everything()
    if unknown := sorted(wanted - set(BUILDERS)):
        raise StackError(f"no component is called {', '.join(unknown)}; there are {', '.join(BUILDERS)}")
    wanted |= {need for name in wanted for need in NEEDS.get(name, ())}
    return [name for name in BUILDERS if name in wanted]


def named(names: str, known: Mapping[str, T], what: str) -> tuple[T, ...]:
    """Return what a comma-separated list names, in the order of those known; `all` names every one.

    Raises:
        UsageError: One of them does not exist, or none is named; the message lists those that do.
    """
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    if unknown := sorted(wanted - {*known, "all"}):
        raise UsageError(f"no such {what}: {', '.join(unknown)}; there are all, {', '.join(known)}")
    if not wanted:
        raise UsageError(f"which {what}? NAME is all, or some of {', '.join(known)}")
    return tuple(found for name, found in known.items() if wanted & {name, "all"})


def everything() -> set[str]:
    """Return the components of a complete stack here; Jaeger, Loki and Grafana where installed."""
    tracing = "jaeger" if programs.on_path("jaeger") else "traces"
    optional = {"grafana"} if grafana_program() else set[str]()
    optional |= {"loki"} if programs.on_path("loki") else set()
    return {"rabbitmq", "redis", "prometheus", "alertmanager", tracing, "inbox", *optional, *SERVICES}


def stop_order(processes: Iterable[Process]) -> list[list[Process]]:
    """Return what to stop together, and what after that: services, servers, what servers rest on."""
    started = list(processes)
    needed = {need for needs in NEEDS.values() for need in needs}
    return [
        [process for process in started if process.name in SERVICES],
        [process for process in started if process.name not in {*SERVICES, *needed}],
        [process for process in started if process.name in needed],
    ]
