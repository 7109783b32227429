"""Batches of telemetry, exported in a background thread: bounded, and honest about what was lost."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Generic, TypeVar

import structlog

from observability.export.client import OtlpClient
from observability.metrics import ExportMetrics
from observability.settings import Batching

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Encode = Callable[[Sequence[Item]], tuple[bytes, int]]
"""Returns the request with a batch's items, and how many of them it could encode."""
CLOSE_SECONDS = 5.0


class BatchExporter(Generic[Item]):
    """Takes items without waiting, and sends them as the specification's batching processors do.

    Lost items are counted as `queue_full`, `shutdown`, `encoding_error`, `rejected`, `internal_error`, or an
    `Outcome`'s reason.
    """

    def __init__(
        self, signal: str, encode: Encode[Item], client: OtlpClient, limits: Batching, metrics: ExportMetrics
    ) -> None:
        """Start the thread."""
        self._signal, self._encode, self._client, self._metrics = signal, encode, client, metrics
        self._delay, self._queue_size = limits.schedule_delay / 1000, limits.max_queue_size
        self._batch_size = min(limits.max_export_batch_size, self._queue_size)
        self._queue: deque[Item] = deque()
        self._in_flight = 0
        self._failing = self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"export-{signal}", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue an item; drop and count it when the queue is full or closed."""
        if threading.get_ident() == self._thread.ident:
            return  # a log line about exporting: to export it would never end
        if self._closed or len(self._queue) >= self._queue_size:
            self._metrics.items("shutdown" if self._closed else "queue_full").inc()
            return
        self._queue.append(item)
        if len(self._queue) >= self._batch_size and not self._wake.is_set():
            self._wake.set()

    def shutdown(self) -> None:
        """Export the rest, for at most 5 s, and count what could not go."""
        self._closed = True
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)
        if left := len(self._queue) + self._in_flight:
            self._queue.clear()
            self._in_flight = 0
            self._metrics.items("shutdown").inc(left)
            log.warning("telemetry lost at shutdown", signal=self._signal, lost=left)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._delay)
            self._wake.clear()
            for _ in range(-(-len(self._queue) // self._batch_size)):
                self._export()
        while self._queue:
            self._export()
        self._client.close()

    def _export(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(self._batch_size, len(self._queue)))]
        self._in_flight, began = len(batch), perf_counter()
        try:
            body, encoded = self._encode(batch)
            reason, detail, rejected = self._client.send(body)
        except Exception as error:  # noqa: BLE001 - a bug costs its batch and not the thread
            encoded, reason, detail, rejected = len(batch), "internal_error", repr(error), 0
        if not self._in_flight:
            return  # the batch was counted as lost at the shutdown
        self._in_flight, rejected = 0, min(rejected, encoded)
        self._metrics.seconds.observe(perf_counter() - began)
        results = {reason: encoded - rejected, "rejected": rejected, "encoding_error": len(batch) - encoded}
        for result, number in results.items():
            if number:
                self._metrics.items(result).inc(number)
        lost = ", ".join(f"{n} {result}" for result, n in results.items() if n and result != "exported")
        about = {"signal": self._signal, "endpoint": self._client.endpoint}
        # Logged when telemetry begins to be lost and when it no longer is: an outage must not fill the log.
        if lost and not self._failing:
            log.warning("telemetry export failing", lost=lost, error=detail[:300], **about)
        elif self._failing and not lost:
            log.info("telemetry export recovered", **about)
        self._failing = bool(lost)
