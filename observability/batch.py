"""Batching of telemetry: bounded, in a thread of its own, and honest about what it dropped."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, Protocol, TypeVar

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

log = structlog.get_logger("observability.batch")

Item = TypeVar("Item")
_Taken_contra = TypeVar("_Taken_contra", contravariant=True)


class Exporter(Protocol[_Taken_contra]):
    """Delivers a batch, or gives it up and says so itself; an SDK's span exporter is one."""

    def export(self, batch: Sequence[_Taken_contra], /) -> object:
        """Deliver a batch."""

    def shutdown(self) -> None:
        """Give up what is on its way."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long items wait for a batch to fill, and how many may wait and go together."""

    delay_seconds: float
    queue_size: int
    batch_size: int


class Batches(Generic[Item]):
    """Exports in batches, as the specification's batching processors do.

    The SDK's own drop what a full queue has no room for without a figure that Prometheus could be shown.
    https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter[Item],
        limits: Limits,
        *,
        on_drop: Callable[[int], None],
        on_export: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Start the exporting thread.

        Args:
            name: What is exported, in the singular.
            exporter: Whom the batches are given to.
            limits: The bounds.
            on_drop: Hears of how many items there was no room for.
            on_export: Hears how long each export took, in seconds, whatever came of it.
        """
        self._name = name
        self._exporter = exporter
        self._limits = limits
        self._batch_size = min(limits.batch_size, limits.queue_size)
        self._on_drop = on_drop
        self._on_export = on_export
        self._queue: deque[Item] = deque()
        self._wake = threading.Event()
        self._ended = False
        self._exporting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"{name}-export", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue an item; drop it, and say so, when the queue is full or closed."""
        if self._ended or len(self._queue) >= self._limits.queue_size:
            self._on_drop(1)
            return
        self._queue.append(item)
        if len(self._queue) >= self._batch_size:
            self._wake.set()

    def is_exporter(self) -> bool:
        """Return whether the thread that asks is the exporting one."""
        return threading.get_ident() == self._thread.ident

    def flush(self, timeout_seconds: float = 30.0) -> bool:
        """Export what is queued at this moment; false when another export held the exporter for too long."""
        if not self._exporting.acquire(timeout=timeout_seconds):
            return False
        try:
            for _ in range(-(-len(self._queue) // self._batch_size)):
                self._export_batch()
        finally:
            self._exporting.release()
        return True

    def shutdown(self, timeout_seconds: float = 5.0) -> None:
        """Export the rest, for at most 5 s, and count what could not go."""
        self._ended = True
        self._wake.set()
        self._thread.join(timeout_seconds)
        self._exporter.shutdown()
        self._thread.join(1.0)
        if left := len(self._queue):
            self._on_drop(left)

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait(self._limits.delay_seconds)
            self._wake.clear()
            self.flush()
        self.flush()

    def _export_batch(self) -> None:
        batch: list[Item] = []
        while self._queue and len(batch) < self._batch_size:
            batch.append(self._queue.popleft())
        if batch:
            began = perf_counter()
            try:
                self._exporter.export(batch)
            except Exception:  # ours raises nothing, a stranger's must not end the thread
                log.exception(f"{self._name} export failed", lost=len(batch))  # noqa: G004 - one of two
                self._on_drop(len(batch))
            self._on_export(perf_counter() - began)


class BatchProcessor(SpanProcessor):
    """Gives ended spans that are sampled to what exports them in batches."""

    def __init__(self, batches: Batches[ReadableSpan]) -> None:
        """Keep where they go."""
        self._batches = batches

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: only ended spans are exported."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._batches.put(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what is queued at this moment; false when that took too long."""
        return self._batches.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Export the rest, for at most 5 s."""
        self._batches.shutdown()
