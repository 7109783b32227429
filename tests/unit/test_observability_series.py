"""Our metrics beside prometheus-client's: the same samples for the same observations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest

from observability.series import counter, durations, level
from tests.unit.recorder import Recorder

BUCKETS = (0.005, 0.1, 1, 2.5)
SECONDS = st.floats(0, 10) | st.sampled_from(BUCKETS)


def shown(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample by its name and labels, without times of creation."""
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for sample in samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(SECONDS, max_size=20))
def test_histograms_count_alike(values: list[float]) -> None:
    """Values on a bucket's bound belong to it; beyond the last there is infinity."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    series = durations(ours, "work_seconds", "Work.", ["kind"], BUCKETS).at("hard")
    histogram = Histogram("work_seconds", "Work.", ["kind"], registry=theirs, buckets=BUCKETS).labels("hard")
    for value in values:
        series.observe(value)
        histogram.observe(value)
    assert shown(ours) == pytest.approx(shown(theirs))


def test_counters_count_alike() -> None:
    """Each by its labels; what was asked for exists from then on."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    family = counter(ours, "works", "Works.", ["kind", "place"])
    counts = Counter("works", "Works.", ["kind", "place"], registry=theirs)
    for kind, number in (("hard", 1), ("easy", 0), ("hard", 2)):
        family.at(kind, "here").add(number)
        counts.labels(kind, "here").inc(number)
    assert shown(ours) == shown(theirs)


def test_levels_go_up_and_down_alike() -> None:
    """What came and went is no longer there."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    family = level(ours, "works", "Works.", ["kind"])
    gauge = Gauge("works", "Works.", ["kind"], registry=theirs)
    for kind, ups, downs in (("hard", 3, 1), ("easy", 1, 1)):
        for _ in range(ups):
            family.at(kind).up()
            gauge.labels(kind).inc()
        for _ in range(downs):
            family.at(kind).down()
            gauge.labels(kind).dec()
    assert shown(ours) == shown(theirs)
    assert generate_latest(ours) == generate_latest(theirs)


def test_without_labels_the_series_exists_from_the_start() -> None:
    """As prometheus-client has it."""
    registry = CollectorRegistry()
    durations(registry, "work_seconds", "Work.", [], BUCKETS)
    assert registry.get_sample_value("work_seconds_count") == 0


@pytest.mark.parametrize("values", [(), ("a",), ("a", "b", "c")])
def test_labels_must_be_complete(values: tuple[str, ...]) -> None:
    """A series with fewer or more labels would be another metric."""
    family = counter(CollectorRegistry(), "works", "Works.", ["kind", "place"])
    with pytest.raises(ValueError, match="expected a value for each"):
        family.at(*values)


def test_a_name_is_registered_once() -> None:
    """By whichever of the two."""
    registry = CollectorRegistry()
    counter(registry, "works", "Works.", [])
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Counter("works", "Works.", registry=registry)


def test_the_last_exemplar_of_a_bucket_is_kept() -> None:
    """With the value that was seen in it, and of its own bucket only."""
    recorder = Recorder()
    series = durations(recorder.registry, "work_seconds", "Work.", [], BUCKETS).at()
    for value in (0.2, 0.3, 2.0):
        with recorder.within() as span:
            series.observe(value, span.get_span_context())
    metrics: list[Metric] = list(recorder.registry.collect())
    seen = {
        sample.labels["le"]: sample.exemplar.value
        for sample in metrics[0].samples
        if sample.exemplar is not None
    }
    assert seen == {"1.0": 0.3, "2.5": 2.0}
