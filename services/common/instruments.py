"""What a service counts and times with; telemetry, or nothing at all, stands behind it."""

from collections.abc import Callable, Sequence
from typing import Protocol

Count = Callable[[str], None]
"""Adds one to the series of a label's value."""
Observe = Callable[[float, str], None]
"""Records seconds in the series of a label's value."""

LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Instruments(Protocol):
    """Makes metrics of one label each; every value named at the start exists from the start."""

    def counter(self, name: str, documentation: str, label: str, values: tuple[str, ...]) -> Count:
        """Return what counts."""

    def seconds(
        self, name: str, documentation: str, label: str, values: tuple[str, ...], *, long: bool = False
    ) -> Observe:
        """Return what records durations; `long` for those that include queues and retries."""

    def histogram(self, name: str, documentation: str, buckets: Sequence[float]) -> Callable[[float], None]:
        """Return what records durations of one kind, in buckets of their own."""

    def gauge(self, name: str, documentation: str, *labels: str) -> Callable[..., None]:
        """Return what sets a value, which is followed by those of its labels."""


def event_loop_lag(instruments: Instruments) -> Callable[[float], None]:
    """Return what records how many seconds late the event loop ran a timer."""
    return instruments.histogram(
        "event_loop_lag_seconds",
        "How late the event loop ran a timer: what blocking work costs everyone else.",
        LAG_BUCKETS,
    )


def dependency_gauge(instruments: Instruments) -> Callable[[str, bool], None]:
    """Return what shows whether a dependency, by its name, can be reached."""
    up = instruments.gauge(
        "dependency_up", "Whether this process reaches what it depends on: 1 or 0.", "dependency"
    )
    return lambda dependency, reached: up(reached, dependency)


def blocked_gauge(instruments: Instruments) -> Callable[[bool], None]:
    """Return what shows whether the broker blocks what this process publishes."""
    return instruments.gauge("broker_connection_blocked", "Whether RabbitMQ blocks what it publishes.")


def outbox_gauges(instruments: Instruments) -> Callable[[int, float], None]:
    """Return what shows an outbox's entries and the age of the oldest."""
    entries = instruments.gauge("outbox_entries", "Events that wait to be published.")
    age = instruments.gauge("outbox_oldest_age_seconds", "How long the oldest of them has waited.")

    def report(count: int, oldest_age: float) -> None:
        entries(count)
        age(oldest_age)

    return report
