"""Batches on their way: nobody waits, everything is bounded, and what was lost is counted with its reason."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from structlog.typing import EventDict

from observability.export import batch
from observability.export.batch import BatchExporter
from observability.export.client import Outcome
from observability.metrics import export_metrics
from observability.settings import Batching

TOOK = "otel_sdk_exporter_operation_duration_seconds_count"


class Backend:
    """Stands for the client: takes requests, and answers as a test tells it to."""

    endpoint = "http://backend/v1/traces"

    def __init__(self, *outcomes: Outcome, held: bool = False) -> None:
        """Answer with these outcomes in turn, and then with success; `held` waits for `release`."""
        self.outcomes, self.bodies = list(outcomes), list[bytes]()
        self.arrived, self.released, self.closed = (
            threading.Semaphore(0),
            threading.Event(),
            threading.Event(),
        )
        self.registry = CollectorRegistry()
        if not held:
            self.released.set()

    def send(self, body: bytes) -> Outcome:
        """Take a request."""
        self.bodies.append(body)
        self.arrived.release()
        self.released.wait(10)
        return self.outcomes.pop(0) if self.outcomes else Outcome("exported")

    def close(self) -> None:
        """Note that it is over."""
        self.closed.set()

    def counted(self) -> dict[str, int]:
        """Return how many items had which result."""
        samples = [sample for metric in self.registry.collect() for sample in metric.samples]
        found = {s.labels["result"]: int(s.value) for s in samples if s.name == "telemetry_spans_total"}
        return {result: number for result, number in found.items() if number}


def encode(items: Sequence[str]) -> tuple[bytes, int]:
    """Return a request with all items but those that cannot be encoded."""
    good = [item for item in items if item != "bad"]
    return ",".join(good).encode(), len(good)


Start = Callable[..., BatchExporter[str]]


@pytest.fixture(name="start")
def start_fixture() -> Iterator[Start]:
    """Return what starts an exporter; in the end its thread is let go."""
    started: list[tuple[BatchExporter[str], Backend]] = []

    def start(
        backend: Backend, delay: float = 60_000, queue: int = 100, size: int = 10
    ) -> BatchExporter[str]:
        limits = Batching(schedule_delay=delay, max_queue_size=queue, max_export_batch_size=size)
        spans, _ = export_metrics(backend.registry)
        exporter = BatchExporter("traces", encode, backend, limits, spans)  # type: ignore[arg-type]  # a stand-in
        started.append((exporter, backend))
        return exporter

    yield start
    for exporter, backend in started:
        backend.released.set()
        exporter.shutdown()


def put(exporter: BatchExporter[str], count: int, item: str = "x") -> None:
    """Queue so many items."""
    for _ in range(count):
        exporter.put(item)


def test_a_full_batch_goes_at_once_and_the_rest_in_the_end(start: Start) -> None:
    """No item waits for the delay when there are enough of them; each export is timed."""
    backend = Backend()
    exporter = start(backend, size=3)
    put(exporter, 3)
    assert backend.arrived.acquire(timeout=5)
    put(exporter, 2)
    exporter.shutdown()
    assert backend.bodies == [b"x,x,x", b"x,x"]
    assert backend.counted() == {"exported": 5}
    assert backend.closed.is_set()
    took = {"otel_component_type": "otlp_http_span_exporter"}
    assert backend.registry.get_sample_value(TOOK, took) == 2


def test_what_is_no_full_batch_goes_after_the_delay(start: Start) -> None:
    """A trace is to be seen while one looks."""
    backend = Backend()
    put(start(backend, delay=10), 1)
    assert backend.arrived.acquire(timeout=5)


def test_a_slow_backend_costs_nobody_time(start: Start) -> None:
    """The queue fills, and what finds no room is counted."""
    backend = Backend(held=True)
    exporter = start(backend, queue=20, size=5)
    put(exporter, 5)
    assert backend.arrived.acquire(timeout=5)
    began = time.monotonic()
    put(exporter, 30)
    assert time.monotonic() - began < 1
    assert backend.counted() == {"queue_full": 10}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome("http_400", "no"), {"http_400": 2}),
        (Outcome("timeout"), {"timeout": 2}),
        (Outcome("exported", "too old", 1), {"exported": 1, "rejected": 1}),
        (Outcome("exported", "a lot", 99), {"rejected": 2}),
        (Outcome("exported"), {"exported": 2}),
    ],
)
def test_losses_have_their_reason(start: Start, outcome: Outcome, expected: dict[str, int]) -> None:
    """That of the backend, or of the way to it; what cannot be encoded costs no other item of its batch."""
    backend = Backend(outcome)
    exporter = start(backend)
    for item in ("a", "bad", "b"):
        exporter.put(item)
    exporter.shutdown()
    assert (backend.bodies, backend.counted()) == ([b"a,b"], expected | {"encoding_error": 1})


def test_shutting_down_is_bounded_and_says_what_was_lost(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is queued, and what is on its way, when the time is up; and what comes afterwards."""
    monkeypatch.setattr(batch, "CLOSE_SECONDS", 0.05)
    backend = Backend(held=True)
    exporter = start(backend, size=2)
    put(exporter, 2)
    assert backend.arrived.acquire(timeout=5)
    put(exporter, 3)
    with capture_logs() as logs:
        exporter.shutdown()
    put(exporter, 1)
    backend.released.set()
    assert backend.closed.wait(5)
    assert backend.counted() == {"shutdown": 6}  # what was on its way is not counted again when it arrives
    assert [(line["event"], line["lost"]) for line in logs] == [("telemetry lost at shutdown", 5)]


def test_what_the_exporting_thread_says_is_not_exported(start: Start) -> None:
    """Each line about exporting would be a batch, and so another line."""
    exporters: list[BatchExporter[str]] = []

    def export(_: object, __: str, event: EventDict) -> str:
        exporters[0].put("said")
        return str(event)

    backend = Backend(Outcome("http_400"), Outcome("http_400"))
    structlog.configure(processors=[export])
    try:
        exporters.append(start(backend, size=1))
        put(exporters[0], 3)
        exporters[0].shutdown()
    finally:
        structlog.reset_defaults()
    assert backend.bodies == [b"x"] * 3


@pytest.mark.parametrize(
    ("outcomes", "lost", "error"),
    [
        ([Outcome("exported"), *[Outcome("http_503", "busy")] * 3], "1 http_503", "busy"),
        ([None], "1 internal_error", "TypeError"),  # a bug, which costs its batch and not the thread
    ],
)
def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(
    start: Start, outcomes: list[Outcome], lost: str, error: str
) -> None:
    """Single batches are not logged."""
    backend = Backend(*outcomes)
    with capture_logs() as logs:
        exporter = start(backend, size=1)
        put(exporter, 6)
        exporter.shutdown()
    about, (failing, recovered) = {"signal": "traces", "endpoint": Backend.endpoint}, logs
    assert failing.pop("error").startswith(error)
    assert failing == {"event": "telemetry export failing", "log_level": "warning", "lost": lost, **about}
    assert recovered == {"event": "telemetry export recovered", "log_level": "info", **about}
    assert sum(backend.counted().values()) == 6
