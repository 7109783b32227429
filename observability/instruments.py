"""Metrics for a service's own use, as plain functions: it needs to know neither Prometheus nor exemplars."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from observability.metrics import LONG_SECONDS_BUCKETS, SECONDS_BUCKETS, exemplar, seconds
from observability.series import counter


class Instruments:
    """Makes metrics of one label each, with exemplars; when telemetry is off they do nothing."""

    def __init__(self, registry: CollectorRegistry, *, enabled: bool) -> None:
        """Keep the registry."""
        self._registry = registry
        self._enabled = enabled

    def counter(
        self, name: str, documentation: str, label: str, values: tuple[str, ...]
    ) -> Callable[[str], None]:
        """Return what adds one to the series of a label's value; `_total` is appended to the name."""
        if not self._enabled:
            return lambda _: None
        family = counter(self._registry, name, documentation, [label])
        for value in values:
            family.at(value)

        def count(value: str) -> None:
            family.at(value).add(1, exemplar())

        return count

    def seconds(
        self, name: str, documentation: str, label: str, values: tuple[str, ...], *, long: bool = False
    ) -> Callable[[float, str], None]:
        """Return what records durations; `long` for those that include waiting in queues and retries."""
        if not self._enabled:
            return lambda _, __: None
        buckets = LONG_SECONDS_BUCKETS if long else SECONDS_BUCKETS
        histogram = seconds(self._registry, name, documentation, [label], buckets)
        for value in values:
            histogram.at(value)

        def observe(duration: float, value: str) -> None:
            histogram.at(value).observe(duration, exemplar())

        return observe
