"""Posts OTLP requests and tries again: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response."""

import gzip
from typing import Any, NamedTuple

import orjson
import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from observability.settings import OtlpSettings

ANSWER_LIMIT = 64 * 1024  # bytes; an honest answer has a few hundred
RETRIES = urllib3.Retry(
    total=4,
    redirect=False,
    allowed_methods=None,
    status_forcelist=(429, 502, 503, 504),
    backoff_factor=0.25,
    backoff_jitter=0.25,
    retry_after_max=5,
    raise_on_status=False,
)


class Outcome(NamedTuple):
    """How an export ended: `exported`, `timeout`, `connection_error` or `http_<status>`."""

    reason: str
    detail: str = ""
    rejected: int = 0  # items that the backend refused out of a request that it took


class OtlpClient:
    """Posts requests to one endpoint; for one thread at a time."""

    def __init__(self, settings: OtlpSettings) -> None:
        """Open nothing before the first request."""
        self.endpoint = settings.endpoint
        content, self._gzip = {"content-type": "application/json"}, settings.compression == "gzip"
        content |= {"content-encoding": "gzip"} if self._gzip else {}
        self._pool = urllib3.PoolManager(
            headers={"user-agent": "orderscope-otlp-json", **settings.headers, **content},
            timeout=urllib3.Timeout(total=settings.timeout),
            retries=RETRIES,
            ca_certs=settings.certificate and str(settings.certificate),
            cert_file=settings.client_certificate and str(settings.client_certificate),
            key_file=settings.client_key and str(settings.client_key),
        )

    def send(self, body: bytes) -> Outcome:
        """Post a request, up to five times, and return how that ended."""
        if self._gzip:  # at the fastest level: CPU is what exporting competes for
            body = gzip.compress(body, compresslevel=1, mtime=0)
        try:
            response = self._pool.request("POST", self.endpoint, body=body, preload_content=False)
            answer = response.read1(ANSWER_LIMIT)
            response.release_conn() if response.closed else response.close()
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) else error
            # urllib3 counts a refused connection among its timeouts.
            timeout = isinstance(cause, HTTPTimeoutError) and not isinstance(cause, NewConnectionError)
            return Outcome("timeout" if timeout else "connection_error", str(cause))
        document = _document(answer)
        if not 200 <= response.status < 300:  # noqa: PLR2004 - HTTP's successes; a redirect is none
            return Outcome(f"http_{response.status}", str(document.get("message", "")))
        partial = document.get("partialSuccess") or {}
        rejected = partial.get("rejectedSpans") or partial.get("rejectedLogRecords") or 0
        return Outcome("exported", partial.get("errorMessage", ""), int(rejected))

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def _document(answer: bytes) -> dict[str, Any]:
    try:
        return dict(orjson.loads(answer))
    except (ValueError, TypeError):
        return {}  # the status says what counts
