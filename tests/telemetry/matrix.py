"""The signal matrix: for each service, by what one signal leads to another."""

from collections.abc import Mapping

from tests.telemetry.contract import Contract, SpanEntry

JOINS = (
    "traces",
    "metrics",
    "logs",
    "log ↔ trace",
    "metric ↔ trace",
    "producer ↔ consumer",
    "trace ↔ correlation id",
)
ENTRIES = ("request", "process")
"""Spans in which a service's work begins."""


def matrix(contract: Contract) -> Mapping[str, Mapping[str, str]]:
    """Return what stands in each cell, by service and join."""
    return {
        service: dict(zip(JOINS, _cells(contract, service), strict=True)) for service in contract.services
    }


def _cells(contract: Contract, service: str) -> tuple[str, ...]:
    spans = {name: span for name, span in contract.spans.items() if service in span.services}
    metrics = [metric for metric in contract.metrics.values() if service in metric.services]
    lines = {name: line for name, line in contract.lines.items() if service in line.services}
    inside = [name for name, line in lines.items() if line.ids == "span" and not line.when]
    entry = next(name for name in ENTRIES if name in spans)
    return (
        f"{len(spans)} kinds of spans",
        f"{len(metrics)} metrics",
        f"{len(lines)} events",
        ", ".join(inside),
        ", ".join(f"`{name}`" for name in exemplars(contract, service)),
        ", ".join(_role(span) for span in spans.values() if span.kind in {"producer", "consumer"}),
        _quoted(spans[entry].name),
    )


def exemplars(contract: Contract, service: str) -> list[str]:
    """Return the histograms of a service that lead to traces."""
    return [
        name
        for name, metric in contract.metrics.items()
        if service in metric.services and metric.exemplars and metric.type == "histogram"
    ]


def _role(span: SpanEntry) -> str:
    return f"{_quoted(span.name)} ({'consumer' if span.kind == 'consumer' else 'producer'})"


def _quoted(name: str) -> str:
    return f"`{name.rpartition('|')[2]}`"
