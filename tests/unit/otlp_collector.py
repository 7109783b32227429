"""A small OTLP/HTTP server on a real socket, which answers as a test tells it to."""

import base64
import gzip
import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # no stubs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

TIMEOUT_SECONDS = 10.0
"""After so long a test has failed."""
Message = TypeVar("Message", ExportTraceServiceRequest, ExportLogsServiceRequest)


def parsed(body: bytes, message: Message) -> Message:
    """Fill a message from OTLP/JSON by protobuf's own parser, which refuses fields that there are not.

    It expects ids in base64 where OTLP has hex.
    """

    def ids_in_base64(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, list):
            return [ids_in_base64(item) for item in value]
        if not isinstance(value, dict):
            return value
        ids = {k: base64.b64encode(bytes.fromhex(v)).decode() for k, v in value.items() if k in ID_FIELDS}
        return {**{name: ids_in_base64(item) for name, item in value.items()}, **ids}

    ParseDict(ids_in_base64(json.loads(body)), message)
    return message


ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


@dataclass
class Answer:
    """How to answer one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    hang: bool = False
    """Say nothing until the test ends."""
    cut: bool = False
    """Close the connection instead of answering."""


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes
    """Decompressed."""
    peer: int
    """The client's port, which tells connections apart."""

    @property
    def traces(self) -> ExportTraceServiceRequest:
        """Return the request with spans, in JSON or protobuf."""
        if self.headers["content-type"] == "application/json":
            return parsed(self.body, ExportTraceServiceRequest())
        request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(self.body)
        return request

    @property
    def logs(self) -> ExportLogsServiceRequest:
        """Return the request with log records."""
        return parsed(self.body, ExportLogsServiceRequest())

    @property
    def records(self) -> list[LogRecord]:
        """Return the log records."""
        groups = [scope for resource in self.logs.resource_logs for scope in resource.scope_logs]
        return [record for scope in groups for record in scope.log_records]


class Collector(ThreadingHTTPServer):
    """Takes any request; `answers` are used up in turn, after which all is well."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """Take a free port of the loopback interface, and serve in a thread until `close`."""
        self.answers: deque[Answer] = deque()
        self.received: list[Received] = []
        self.arrived = threading.Semaphore(0)
        """One for each request."""
        self.ending = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Release whom an answer holds, and stop."""
        self.ending.set()
        self.shutdown()
        self._thread.join(TIMEOUT_SECONDS)
        self.server_close()

    @property
    def url(self) -> str:
        """Return the address of the traces endpoint."""
        return f"{self._scheme}://127.0.0.1:{self.server_port}/v1/traces"

    @property
    def logs_url(self) -> str:
        """Return the address of the logs endpoint, where Loki has it."""
        return f"{self._scheme}://127.0.0.1:{self.server_port}/otlp/v1/logs"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients may leave while they are answered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collector

    def do_POST(self) -> None:
        collector = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        collector.received.append(Received(self.path, headers, body, self.client_address[1]))
        answer = collector.answers.popleft() if collector.answers else Answer()
        collector.arrived.release()
        if answer.hang:
            collector.ending.wait(TIMEOUT_SECONDS)
        if answer.hang or answer.cut:
            self.close_connection = True
            return
        with suppress(OSError):  # the client has left
            self.send_response(answer.status)
            length = {"Content-Type": headers["content-type"], "Content-Length": str(len(answer.body))}
            for name, value in (length | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_collector(tls: ssl.SSLContext | None = None) -> Iterator[Collector]:
    """Give a collector, and close it in the end."""
    collector = Collector(tls)
    try:
        yield collector
    finally:
        collector.close()
