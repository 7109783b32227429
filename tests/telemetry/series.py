"""Metrics as a service exposes them, and what the contract has against them."""

from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.telemetry.contract import Contract, MetricEntry

OPEN_METRICS = {"accept": "application/openmetrics-text"}


def families(text: str) -> dict[str, Metric]:
    """Return the metrics of an exposition in OpenMetrics, by the names of the contract."""
    found = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]  # it has none
        found[f"{family.name}_total" if family.type == "counter" else family.name] = family
    return found


def problems(contract: Contract, service: str, found: dict[str, Metric]) -> list[str]:
    """Return what the contract has against a service's metrics, in both directions."""
    declared = {name: entry for name, entry in contract.metrics.items() if service in entry.services}
    told = [f"{name} is not declared" for name in found.keys() - declared.keys()]
    told += [f"{name} is missing" for name in declared.keys() - found.keys()]
    for name in found.keys() & declared.keys():
        told += [f"{name}: {problem}" for problem in _problems(contract, declared[name], found[name])]
    return [f"{service}: {problem}" for problem in [*told, *over_budget(contract, service, found)]]


def over_budget(contract: Contract, service: str, found: dict[str, Metric]) -> Iterator[str]:
    """Yield which metrics, or whether all together, have more series than they may."""
    counts = {name: len(family.samples) for name, family in found.items()}
    for name, count in counts.items():
        if name in contract.metrics and count > contract.metrics[name].series:
            yield f"{name} has {count} series of {contract.metrics[name].series}"
    if sum(counts.values()) > contract.series[service]:
        yield f"{sum(counts.values())} series of {contract.series[service]}"


def _problems(contract: Contract, entry: MetricEntry, family: Metric) -> Iterator[str]:
    if family.type != entry.type:
        yield f"a {family.type}"
    if family.documentation != entry.about:
        yield f"says {family.documentation!r}"
    named = family.name.rpartition("_")[2] if family.name.endswith(("_seconds", "_bytes")) else ""
    if named != entry.unit or family.unit not in {"", entry.unit}:
        yield f"in {named!r} or {family.unit!r}"
    if entry.type == "histogram" and not family.unit:
        yield "a histogram without a unit"
    yield from _labels(contract, entry, family)


def _labels(contract: Contract, entry: MetricEntry, family: Metric) -> Iterator[str]:
    for sample in family.samples:
        labels = {
            name: value for name, value in sample.labels.items() if (entry.type, name) != ("histogram", "le")
        }
        if labels.keys() != entry.labels.keys():
            yield f"has labels {sorted(labels)}"
        for name in labels.keys() & entry.labels.keys():
            if not contract.fits(entry.labels[name], labels[name]):
                yield f"{name} is {labels[name]!r}"
        if sample.exemplar and not entry.exemplars:
            yield "has exemplars"


def exemplars(family: Metric) -> Iterable[tuple[str, str]]:
    """Return the trace ids and span ids that a metric's exemplars lead to."""
    found = [sample.exemplar.labels for sample in family.samples if sample.exemplar]
    return [(labels["trace_id"], labels["span_id"]) for labels in found]
