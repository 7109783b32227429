"""A small OTLP/HTTP server on a real socket, which answers as a test tells it to."""

import gzip
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from observability.otlp import delivery
from observability.otlp.span_exporter import OtlpSpanExporter

PATIENCE = 10.0  # seconds after which a test has failed


@dataclass
class Answer:
    """How to answer one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False  # say nothing until the test ends
    trickle: bool = False  # send header after header until the test ends
    cut: bool = False  # close the connection, unannounced, instead of answering
    close: bool = False  # close it, unannounced, after answering
    chunked: bool = False


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    peer: int  # the client's port, which tells connections apart

    @property
    def message(self) -> ExportTraceServiceRequest:
        """Return the body, decompressed and decoded."""
        request = ExportTraceServiceRequest()
        request.ParseFromString(self._unpacked)
        return request

    @property
    def logs(self) -> ExportLogsServiceRequest:
        """Return the body of a request with log records, decompressed and decoded."""
        request = ExportLogsServiceRequest()
        request.ParseFromString(self._unpacked)
        return request

    @property
    def records(self) -> list[LogRecord]:
        """Return the log records."""
        groups = [scope for resource in self.logs.resource_logs for scope in resource.scope_logs]
        return [record for scope in groups for record in scope.log_records]

    @property
    def _unpacked(self) -> bytes:
        compressed = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if compressed else self.body

    @property
    def names(self) -> list[str]:
        """Return the names of the spans."""
        groups = [scope for resource in self.message.resource_spans for scope in resource.scope_spans]
        return [span.name for scope in groups for span in scope.spans]


class Collector(ThreadingHTTPServer):
    """Takes any request; `answers` are used up in turn, after which all is well."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """Take a free port of the loopback interface, which refuses connections until `listen`."""
        self.tls = tls
        self.accepted = 0  # connections
        self.answers: deque[Answer] = deque()
        self.received: list[Received] = []
        self.arrived = threading.Semaphore(0)  # one for each request
        self.closed = threading.Semaphore(0)  # one for each connection
        self.ending = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def listen(self) -> None:
        """Serve in a thread, until `close`."""
        self.server_activate()
        self._thread.start()

    def close(self) -> None:
        """Release whom an answer holds, and stop."""
        self.ending.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join(PATIENCE)
        self.server_close()

    @property
    def url(self) -> str:
        """Return the address of the traces endpoint."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_port}/v1/traces"

    @property
    def logs_url(self) -> str:
        """Return the address of the logs endpoint, where Loki has it."""
        return f"http://127.0.0.1:{self.server_port}/otlp/v1/logs"

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection, and shake hands if it is for TLS."""
        accepted, peer = super().get_request()
        self.accepted += 1
        if self.tls is None:
            return accepted, peer
        with accepted:  # which is empty once it is wrapped, and closed when that fails
            return self.tls.wrap_socket(accepted, server_side=True), peer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients may leave while they are answered."""

    def shutdown_request(self, request: object) -> None:
        """Close a connection, and tell the test so."""
        super().shutdown_request(request)  # type: ignore[arg-type]  # the base class takes what it gave
        self.closed.release()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collector

    def do_POST(self) -> None:
        collector = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        collector.received.append(Received(self.path, headers, body, self.client_address[1]))
        answer = collector.answers.popleft() if collector.answers else Answer()
        collector.arrived.release()
        self.close_connection = answer.cut or answer.close or answer.hang or answer.trickle
        if answer.hang:
            collector.ending.wait(PATIENCE)
        elif answer.trickle:
            self._trickle()
        elif not answer.cut:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "application/x-protobuf"} | answer.headers).items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(answer.body), answer.body))
        else:
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    def _trickle(self) -> None:
        with suppress(OSError):  # until the client has had enough
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.ending.wait(0.02):
                self.wfile.write(b"X-Wait: 1\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def record_pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list of the attempts after which there is a pause; pauses take no time from now on."""
    attempts: list[int] = []

    def no_time(attempt: int) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr(delivery, "backoff", no_time)
    return attempts


@contextmanager
def exporting(url: str, **options: object) -> Iterator[tuple[OtlpSpanExporter, list[tuple[int, str]]]]:
    """Give an exporter, and the list of what it tells `on_result`; shut it down in the end."""
    results: list[tuple[int, str]] = []
    exporter = OtlpSpanExporter(
        url,
        on_result=lambda *result: results.append(result),
        **options,  # type: ignore[arg-type]  # whatever the exporter takes
    )
    try:
        yield exporter, results
    finally:
        exporter.shutdown()


@contextmanager
def running_collector(tls: ssl.SSLContext | None = None) -> Iterator[Collector]:
    """Give a collector that listens, and close it in the end."""
    collector = Collector(tls)
    collector.listen()
    try:
        yield collector
    finally:
        collector.close()
