"""Batching of ended spans: bounded, in a thread of its own, and honest about what it dropped."""

import threading
from collections import deque
from collections.abc import Callable

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger("observability.batch")


class BatchProcessor(SpanProcessor):
    """Exports in batches, as the specification's batching processor does.

    The SDK's own drops spans of a full queue without a figure that could be exported through Prometheus.
    https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        on_drop: Callable[[int], None],
        delay_seconds: float,
        queue_size: int,
        batch_size: int,
    ) -> None:
        """Start the exporting thread; `on_drop` hears of spans for which there was no room."""
        self._exporter = exporter
        self._on_drop = on_drop
        self._delay = delay_seconds
        self._limit = queue_size
        self._batch_size = min(batch_size, queue_size)
        self._queue: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._ended = False
        self._exporting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="span-export", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: only ended spans are exported."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span."""
        if span.context is not None and span.context.trace_flags.sampled:
            self.put(span)

    def put(self, span: ReadableSpan) -> None:
        """Queue a span; drop it, and say so, when the queue is full or closed."""
        if self._ended or len(self._queue) >= self._limit:
            self._on_drop(1)
            return
        self._queue.append(span)
        if len(self._queue) >= self._batch_size:
            self._wake.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what is queued at this moment; false when another export held the exporter for too long."""
        if not self._exporting.acquire(timeout=timeout_millis / 1000):
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
            self._wake.wait(self._delay)
            self._wake.clear()
            self.force_flush()
        self.force_flush()

    def _export_batch(self) -> None:
        batch: list[ReadableSpan] = []
        while self._queue and len(batch) < self._batch_size:
            batch.append(self._queue.popleft())
        if batch:
            try:
                self._exporter.export(batch)
            except Exception:  # ours raises nothing, a stranger's must not end the thread
                log.exception("span export failed", spans=len(batch))
                self._on_drop(len(batch))
