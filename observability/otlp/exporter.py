"""An exporter of any signal: OTLP over HTTP, with protobuf."""

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Lock
from time import monotonic
from typing import Generic, TypeAlias, TypedDict, TypeVar

from observability.otlp.compression import Compression, compress, parse_compression
from observability.otlp.connection import Connection
from observability.otlp.delivery import EXPORTED, Outcome, deliver
from observability.otlp.endpoint import parse_endpoint
from observability.otlp.headers import request_headers
from observability.otlp.health import HealthLog
from observability.otlp.request import Encoded

REQUEST_LIMIT = 20 * 1024 * 1024  # bytes before compression, as the specification recommends

OnResult: TypeAlias = Callable[[int, str], None]
Results: TypeAlias = dict[str, int]  # items by what became of them
Item = TypeVar("Item")

_logger = logging.getLogger("observability.otlp")


class Options(TypedDict, total=False):
    """What is configured beside the endpoint; see `OtlpExporter`."""

    headers: Mapping[str, str] | None
    timeout: float
    compression: Compression
    on_result: OnResult | None
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Signal(Generic[Item]):
    """A kind of telemetry: what it is called, in the plural, and how a batch of it becomes a request."""

    name: str
    encode: Callable[[Sequence[Item]], Encoded]


class OtlpExporter(Generic[Item]):
    """Posts batches of a signal to an OTLP/HTTP endpoint, over a connection that it keeps open.

    It retries as OTLP says (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response), raises nothing from
    `export`, and tells the logger `observability.otlp` when items begin to be lost and when they cease to be.
    """

    def __init__(  # noqa: PLR0913  # one keyword for each of the specification's options
        self,
        signal: Signal[Item],
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
            signal: What is exported.
            endpoint: The whole URL, such as `http://127.0.0.1:4318/v1/traces`.
            headers: Sent with every request.
            timeout: Seconds for one export, all its attempts and pauses included.
            compression: Of requests.
            on_result: Called in the exporting thread with a number of items and what became of them, which is
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
        self._encode = signal.encode
        self._compression = parse_compression(compression)
        self._connection = Connection(url, request_headers(headers or {}, self._compression), tls)
        self._timeout = timeout
        self._on_result = on_result or _ignore
        self._health = HealthLog(str(url), signal.name)
        self._stopping = Event()
        self._lock = Lock()

    def export(self, batch: Sequence[Item], /) -> bool:
        """Deliver a batch or give it up; true means that the server took something of it."""
        if not batch:
            return True  # and no news of the server's health
        try:
            results, detail = self._settle(batch)
        except Exception as error:  # noqa: BLE001  # what it was is logged, and the items are counted
            results, detail = {"internal_error": len(batch)}, repr(error)
        results = {reason: number for reason, number in results.items() if number}
        self._health.note(
            {reason: number for reason, number in results.items() if reason != EXPORTED}, detail
        )
        self._tell(results)
        return EXPORTED in results

    def shutdown(self) -> None:
        """Refuse further batches, and give up the one in hand at once, be it in a pause or in a request."""
        self._stopping.set()
        self._connection.abort()
        if self._lock.acquire(blocking=False):
            self._connection.close()
            self._lock.release()
        self._health.close()

    def _settle(self, batch: Sequence[Item]) -> tuple[Results, str]:
        """Return what became of the items, and an explanation."""
        deadline = monotonic() + self._timeout
        if not self._lock.acquire(timeout=self._timeout):
            return {"timeout": len(batch)}, "another export took all the time"
        try:
            return self._send(batch, deadline)
        finally:
            if self._stopping.is_set():
                self._connection.close()
            self._lock.release()

    def _send(self, batch: Sequence[Item], deadline: float) -> tuple[Results, str]:
        if self._stopping.is_set():
            return {"shutdown": len(batch)}, "the exporter is shut down"
        request = self._encode(batch)
        unencoded = {"encoding_error": len(batch) - request.items}
        if not request.items:
            return unencoded, request.problem
        if len(request.payload) > REQUEST_LIMIT:
            return unencoded | {"too_large": request.items}, f"{len(request.payload)} bytes"
        body = compress(request.payload, self._compression)
        outcome = deliver(self._connection.post, body, deadline, self._stopping)
        return unencoded | _results(outcome, request.items), outcome.detail or request.problem

    def _tell(self, results: Results) -> None:
        for reason, number in results.items():
            try:
                self._on_result(number, reason)
            except Exception:
                _logger.exception("on_result failed, and is not called again")
                self._on_result = _ignore


def _results(outcome: Outcome, items: int) -> Results:
    if outcome.reason != EXPORTED:
        return {outcome.reason: items}
    rejected = min(outcome.rejected, items)
    return {EXPORTED: items - rejected, "rejected": rejected}


def _ignore(_items: int, _reason: str) -> None:
    pass
