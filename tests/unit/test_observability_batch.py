"""The batch processor: bounded, complete, and honest about what it dropped."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Tracer
from structlog.testing import capture_logs

from observability.batch import Batches, BatchProcessor, Limits
from tests.unit.otlp_samples import span


class Backend(SpanExporter):
    """Stands for a trace backend that can be held up."""

    def __init__(self) -> None:
        """Start open."""
        self.batches: list[list[str]] = []
        self.open, self.entered = threading.Event(), threading.Event()
        self.open.set()
        self.error: Exception | None = None
        self.stubborn = False
        self.takes_seconds = 0.0
        self.closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take a batch as soon as the backend is open."""
        self.entered.set()
        assert self.open.wait(5)
        time.sleep(self.takes_seconds)
        if self.error is not None:
            raise self.error
        self.batches.append([span.name for span in spans])
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Note the end, and let go what is held up, unless it is stubborn."""
        self.closed = True
        if not self.stubborn:
            self.open.set()

    @property
    def names(self) -> list[str]:
        """Return the names of all spans that arrived."""
        return [name for batch in self.batches for name in batch]


@contextmanager
def processing(
    backend: Backend, *, delay: float = 60, queue: int = 100, batch: int = 10
) -> Iterator[tuple[Tracer, Batches[ReadableSpan], list[int]]]:
    """Yield a tracer whose spans go to a backend, their batches, and how many of them were dropped."""
    drops: list[int] = []
    batches = Batches("span", backend, Limits(delay, queue, batch), on_drop=drops.append)
    processor = BatchProcessor(batches)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        yield provider.get_tracer("test"), batches, drops
    finally:
        backend.open.set()
        batches.shutdown()


def make(tracer: Tracer, count: int, first: int = 0) -> list[str]:
    """Start and end spans; return their names."""
    names = [str(number) for number in range(first, first + count)]
    for name in names:
        tracer.start_span(name).end()
    return names


def until(done: threading.Event | None = None, backend: Backend | None = None, count: int = 0) -> None:
    """Wait until something happened, or so many spans arrived, for at most 5 s."""
    deadline = time.monotonic() + 5
    while not (done.is_set() if done else backend and len(backend.names) >= count):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_full_batch_goes_at_once() -> None:
    """It does not wait for the delay; what does not fill a batch does."""
    backend = Backend()
    with processing(backend) as (tracer, _, _):
        names = make(tracer, 10)
        until(backend=backend, count=10)
        assert backend.batches == [names]


def test_what_fills_no_batch_goes_after_the_delay() -> None:
    """A trace is seen while somebody looks."""
    backend = Backend()
    with processing(backend, delay=0.01) as (tracer, _, _):
        make(tracer, 3)
        until(backend=backend, count=3)


def test_a_flush_exports_everything_in_batches() -> None:
    """In the order in which the spans ended, no batch larger than allowed."""
    backend = Backend()
    with processing(backend) as (tracer, batches, drops):
        names = make(tracer, 9)
        assert batches.flush()
        assert (backend.names, drops) == (names, [])


def test_the_queue_is_bounded_and_drops_are_counted() -> None:
    """While the backend hangs, spans beyond the bound are dropped, the newest first, and nobody waits."""
    backend = Backend()
    backend.open.clear()
    with processing(backend, queue=20, batch=5) as (tracer, _, drops):
        held = make(tracer, 5)
        until(backend.entered)
        began = time.monotonic()
        kept = make(tracer, 20, first=5)
        make(tracer, 7, first=25)
        assert time.monotonic() - began < 1
        assert sum(drops) == 7
        backend.open.set()
        until(backend=backend, count=25)
        assert backend.names == held + kept


def test_a_flush_does_not_wait_for_ever() -> None:
    """While another export holds the exporter, it gives up after its timeout and says so."""
    backend = Backend()
    backend.open.clear()
    with processing(backend, batch=5) as (tracer, batches, _):
        make(tracer, 5)
        until(backend.entered)
        assert not batches.flush(timeout_seconds=0.01)


def test_shutdown_exports_the_rest() -> None:
    """What is queued goes out, the exporter is closed, and what comes later is dropped and counted."""
    backend = Backend()
    with processing(backend) as (tracer, batches, drops):
        names = make(tracer, 8)
        batches.shutdown()
        assert (backend.names, backend.closed, drops) == (names, True, [])
        make(tracer, 3)
        assert (backend.names, sum(drops)) == (names, 3)


def test_shutdown_has_a_deadline() -> None:
    """A backend that hangs holds up the end of the process no longer than it may; the loss is counted."""
    backend = Backend()
    backend.open.clear()
    backend.error = ConnectionError("gone")
    with processing(backend, batch=5) as (tracer, batches, drops), capture_logs():
        make(tracer, 9)
        until(backend.entered)
        began = time.monotonic()
        batches.shutdown(timeout_seconds=0.05)
        assert time.monotonic() - began < 4
        assert sum(drops) == 9


def test_what_could_not_go_at_shutdown_is_counted() -> None:
    """Also when the exporter does not let go of the batch in hand, for which it answers itself."""
    backend = Backend()
    backend.open.clear()
    backend.stubborn = True
    with processing(backend, batch=5) as (tracer, batches, drops):
        make(tracer, 5)
        until(backend.entered)
        make(tracer, 4, first=5)
        batches.shutdown(timeout_seconds=0.01)
        assert sum(drops) == 4


def test_a_broken_exporter_does_not_end_the_thread() -> None:
    """What it raises is logged, its spans are counted as lost, and the next batch is tried."""
    backend = Backend()
    backend.error = ZeroDivisionError()
    with processing(backend) as (tracer, batches, drops):
        with capture_logs() as logs:
            make(tracer, 4)
            batches.flush()
        assert ([line["event"] for line in logs], sum(drops)) == (["span export failed"], 4)
        backend.error = None
        names = make(tracer, 10)
        until(backend=backend, count=10)
        assert backend.names == names


def test_what_is_not_sampled_is_not_exported() -> None:
    """Nor counted as dropped."""
    backend, drops = Backend(), list[int]()
    processor = BatchProcessor(Batches("span", backend, Limits(60, 1, 1), on_drop=drops.append))
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    make(provider.get_tracer("test"), 5)
    processor.shutdown()
    assert (backend.names, drops) == ([], [])


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_an_exports_duration_is_told_whatever_came_of_it(error: Exception | None) -> None:
    """In seconds, once for each batch."""
    backend, told = Backend(), list[float]()
    backend.error, backend.takes_seconds = error, 0.02
    batches = Batches("span", backend, Limits(60, 4, 4), on_drop=lambda _: None, on_export=told.append)
    with capture_logs():
        batches.put(span())
        batches.flush()
        batches.shutdown()
    [took] = told
    assert 0.02 <= took < 1
