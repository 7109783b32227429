"""Metrics whose hot path is a few additions, collected as prometheus-client's own are.

prometheus-client looks its children up by label with a lock, and validates and renders an exemplar at each
observation, of which a scrape sees the last one of each bucket. Here an exemplar is a reference to the span's
context until somebody asks. Increments need no lock under the GIL: nothing between reading a list's item and
writing it gives it up.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from time import time
from typing import Generic, Protocol, TypeVar

from opentelemetry.trace import SpanContext, format_span_id, format_trace_id
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

Seen = tuple[SpanContext, float, float]
"""The span that was current at an observation, the value, and the Unix time."""


class _Child(Protocol):
    def samples(self, metric: Metric, labels: dict[str, str]) -> None:
        """Add what this series shows to a metric."""


Child = TypeVar("Child", bound=_Child)


class Family(Collector, Generic[Child]):
    """The series of one metric by the values of its labels; each is made when it is first asked for."""

    def __init__(
        self,
        registry: CollectorRegistry,
        metric: Callable[[], Metric],
        labels: Sequence[str],
        child: Callable[[], Child],
    ) -> None:
        """Register the metric; without labels its only series exists from the start."""
        self._metric = metric
        self._labels = tuple(labels)
        self._child = child
        self._children: dict[tuple[str, ...], Child] = {}
        registry.register(self)
        if not labels:
            self.at()

    def at(self, *values: str) -> Child:
        """Return the series with these values of the labels.

        Raises:
            ValueError: They are more or fewer than the labels.
        """
        try:
            return self._children[values]
        except KeyError:
            if len(values) != len(self._labels):
                raise ValueError(f"expected a value for each of {self._labels}, not {values}") from None
            return self._children.setdefault(values, self._child())

    def describe(self) -> Iterable[Metric]:
        """Return the metric without samples, for the registry to compare names."""
        return [self._metric()]

    def collect(self) -> Iterable[Metric]:
        """Return the metric with the samples of all series."""
        metric = self._metric()
        for values, child in self._children.copy().items():
            child.samples(metric, dict(zip(self._labels, values, strict=True)))
        return [metric]


class Durations:
    """One series of a histogram."""

    def __init__(self, buckets: Sequence[float]) -> None:
        """Keep the upper bounds, in seconds; one more, infinite, is added."""
        self._bounds = [*buckets, float("inf")]
        self._names = [floatToGoString(bound) for bound in self._bounds]  # type: ignore[no-untyped-call]  # it has none
        self._counts = [0] * len(self._bounds)
        self._seen: list[Seen | None] = [None] * len(self._bounds)
        self._sum = 0.0

    def observe(self, seconds: float, span: SpanContext | None = None) -> None:
        """Count a duration; the sampled span in which it was measured becomes the bucket's exemplar."""
        bucket = bisect_left(self._bounds, seconds)
        self._counts[bucket] += 1
        self._sum += seconds
        if span is not None:
            self._seen[bucket] = (span, seconds, time())

    def samples(self, metric: Metric, labels: dict[str, str]) -> None:
        """Add the buckets, their count and their sum."""
        counts = list(accumulate(self._counts))
        for name, count, seen in zip(self._names, counts, self._seen, strict=True):
            metric.add_sample(
                f"{metric.name}_bucket", {**labels, "le": name}, count, exemplar=_exemplar(seen)
            )
        metric.add_sample(f"{metric.name}_count", labels, counts[-1])
        metric.add_sample(f"{metric.name}_sum", labels, self._sum)


class Count:
    """One series of a counter."""

    def __init__(self) -> None:
        """Start at zero."""
        self._value = 0
        self._seen: Seen | None = None

    def add(self, number: int = 1, span: SpanContext | None = None) -> None:
        """Count; the sampled span in which it happened becomes the exemplar."""
        self._value += number
        if span is not None:
            self._seen = (span, number, time())

    def samples(self, metric: Metric, labels: dict[str, str]) -> None:
        """Add the total."""
        metric.add_sample(f"{metric.name}_total", labels, self._value, exemplar=_exemplar(self._seen))


class Level:
    """One series of a gauge that goes up and down by one."""

    def __init__(self) -> None:
        """Start at zero."""
        self._value = 0

    def up(self) -> None:
        """Count one that came."""
        self._value += 1

    def down(self) -> None:
        """Count one that went."""
        self._value -= 1

    def samples(self, metric: Metric, labels: dict[str, str]) -> None:
        """Add how many there are."""
        metric.add_sample(metric.name, labels, self._value)


def _exemplar(seen: Seen | None) -> Exemplar | None:
    if seen is None:
        return None
    span, value, at = seen
    labels = {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)}
    return Exemplar(labels, value, at)


def durations(
    registry: CollectorRegistry,
    name: str,
    documentation: str,
    labels: Sequence[str],
    buckets: Sequence[float],
) -> Family[Durations]:
    """Register a histogram of durations in seconds."""
    return Family(
        registry,
        lambda: Metric(name, documentation, "histogram", "seconds"),
        labels,
        lambda: Durations(buckets),
    )


def counter(
    registry: CollectorRegistry, name: str, documentation: str, labels: Sequence[str]
) -> Family[Count]:
    """Register a counter; `_total` is appended to its name."""
    return Family(registry, lambda: Metric(name, documentation, "counter"), labels, Count)


def level(registry: CollectorRegistry, name: str, documentation: str, labels: Sequence[str]) -> Family[Level]:
    """Register a gauge of how many there are at a time."""
    return Family(registry, lambda: Metric(name, documentation, "gauge"), labels, Level)
