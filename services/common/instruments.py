"""What a service counts and times with; telemetry, or nothing at all, stands behind it."""

from collections.abc import Callable
from typing import Protocol

Count = Callable[[str], None]
"""Adds one to the series of a label's value."""
Observe = Callable[[float, str], None]
"""Records seconds in the series of a label's value."""


class Instruments(Protocol):
    """Makes metrics of one label each; every value named at the start exists from the start."""

    def counter(self, name: str, documentation: str, label: str, values: tuple[str, ...]) -> Count:
        """Return what counts."""

    def seconds(
        self, name: str, documentation: str, label: str, values: tuple[str, ...], *, long: bool = False
    ) -> Observe:
        """Return what records durations; `long` for those that include queues and retries."""

    def gauge(self, name: str, documentation: str, *labels: str) -> Callable[..., None]:
        """Return what sets a value, which is followed by those of its labels."""
