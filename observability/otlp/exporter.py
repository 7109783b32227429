"""A span exporter for the SDK's processors: OTLP over HTTP, with protobuf."""

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock
from time import monotonic
from typing import TypeAlias

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from observability.otlp.compression import Compression, compress, parse_compression
from observability.otlp.connection import Connection
from observability.otlp.delivery import EXPORTED, Outcome, deliver
from observability.otlp.endpoint import parse_endpoint
from observability.otlp.headers import request_headers
from observability.otlp.health import HealthLog
from observability.otlp.request import encode_leniently

REQUEST_LIMIT = 20 * 1024 * 1024  # bytes before compression, as the specification recommends

OnResult: TypeAlias = Callable[[int, str], None]
Results: TypeAlias = dict[str, int]  # spans by what became of them

_logger = logging.getLogger("observability.otlp")


class OtlpSpanExporter(SpanExporter):
    """Posts batches of spans to an OTLP/HTTP endpoint, over a connection that it keeps open.

    It retries as OTLP says (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response), raises nothing from
    `export`, and tells the logger `observability.otlp` when spans begin to be lost and when they cease to be.
    """

    def __init__(  # noqa: PLR0913  # one keyword for each of the specification's options
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        compression: Compression = "none",
        on_result: OnResult | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Check the configuration; nothing is opened before the first export.

        Args:
            endpoint: The whole URL, such as `http://127.0.0.1:4318/v1/traces`.
            headers: Sent with every request.
            timeout: Seconds for one export, all its attempts and pauses included.
            compression: Of requests.
            on_result: Called in the exporting thread with a number of spans and what became of them, which is
                `exported`, or why they were lost: `timeout`, `connection_error`, `http_<status>`, `rejected`
                (by the server, out of a batch that it took), `too_large`, `encoding_error`, `shutdown` or
                `internal_error`.
            tls: For https; by default what the system trusts is trusted.

        Raises:
            ValueError: An argument is malformed.
        """
        if not 0 < timeout < float("inf"):
            raise ValueError(f"the timeout must be a positive number of seconds, not {timeout}")
        url = parse_endpoint(endpoint)
        self._compression = parse_compression(compression)
        self._connection = Connection(url, request_headers(headers or {}, self._compression), tls)
        self._timeout = timeout
        self._on_result = on_result or _ignore
        self._health = HealthLog(str(url))
        self._stopping = Event()
        self._lock = Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver a batch or give it up; SUCCESS means that the server took spans of it."""
        if not spans:
            return SpanExportResult.SUCCESS  # and no news of the server's health
        try:
            results, detail = self._settle(spans)
        except Exception as error:  # noqa: BLE001  # what it was is logged, and the spans are counted
            results, detail = {"internal_error": len(spans)}, repr(error)
        results = {reason: number for reason, number in results.items() if number}
        self._health.note(
            {reason: number for reason, number in results.items() if reason != EXPORTED}, detail
        )
        self._tell(results)
        return SpanExportResult.SUCCESS if EXPORTED in results else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Refuse further batches, and give up the one in hand at once, be it in a pause or in a request."""
        self._stopping.set()
        self._connection.abort()
        if self._lock.acquire(blocking=False):
            self._connection.close()
            self._lock.release()
        self._health.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  # the SDK's signature
        """Return True: nothing is buffered here."""
        return True

    def _settle(self, spans: Sequence[ReadableSpan]) -> tuple[Results, str]:
        """Return what became of the spans, and an explanation."""
        deadline = monotonic() + self._timeout
        if not self._lock.acquire(timeout=self._timeout):
            return {"timeout": len(spans)}, "another export took all the time"
        try:
            return self._send(spans, deadline)
        finally:
            if self._stopping.is_set():
                self._connection.close()
            self._lock.release()

    def _send(self, spans: Sequence[ReadableSpan], deadline: float) -> tuple[Results, str]:
        if self._stopping.is_set():
            return {"shutdown": len(spans)}, "the exporter is shut down"
        request = encode_leniently(spans)
        unencoded = {"encoding_error": len(spans) - request.spans}
        if not request.spans:
            return unencoded, request.problem
        if len(request.payload) > REQUEST_LIMIT:
            return unencoded | {"too_large": request.spans}, f"{len(request.payload)} bytes"
        body = compress(request.payload, self._compression)
        outcome = deliver(self._connection.post, body, deadline, self._stopping)
        return unencoded | _results(outcome, request.spans), outcome.detail or request.problem

    def _tell(self, results: Results) -> None:
        for reason, number in results.items():
            try:
                self._on_result(number, reason)
            except Exception:
                _logger.exception("on_result failed, and is not called again")
                self._on_result = _ignore


def _results(outcome: Outcome, spans: int) -> Results:
    if outcome.reason != EXPORTED:
        return {outcome.reason: spans}
    rejected = min(outcome.rejected, spans)
    return {EXPORTED: spans - rejected, "rejected": rejected}


def _ignore(_spans: int, _reason: str) -> None:
    pass
