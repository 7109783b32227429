"""What a slice leaves behind: the spans that it exports and the lines that it logs, by trace."""

import gzip
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WORKER_STEPS = {"reserve stock", "charge payment", "redis: settle", "publish orders:order.done.v1"}
SPANS = {
    "api": {"POST /v1/orders", "redis: accept", "publish orders:order.created.v1"},
    "worker": {"process worker.order-created", *WORKER_STEPS},
}
LINES = 2
"""An order has a line of its own, and one of the request or the delivery."""
Exports = list[tuple[str, bytes]]
"""Content types and bodies, as they come."""


class Evidence:
    """What a service exports and logs from now on; `read` takes in what has come."""

    def __init__(self, exports: Exports, logs: Iterable[Path]) -> None:
        """Pass over what is there already."""
        self.exports, self.logs = exports, tuple(logs)
        self.lines: list[dict[str, Any]] = []
        self.spans = 0
        self.traces: dict[str, set[str]] = defaultdict(set)
        exports.clear()
        for log in self.logs:
            os.truncate(log, 0)  # its writer appends, so it goes on at the start

    def read(self) -> None:
        """Decode what has come since the last time."""
        for log in self.logs:
            content = log.read_bytes()
            os.truncate(log, 0)
            self.lines += [json.loads(line) for line in content.splitlines() if line.startswith(b"{")]
        while self.exports:
            content_type, body = self.exports.pop()
            for trace_id, name in _spans(content_type, body):
                self.spans += 1
                self.traces[trace_id].add(name)

    def unseen(self, kind: str, orders: Iterable[str]) -> int:
        """Return how many orders lack a span or a log line."""
        trace_of = {line["order_id"]: line.get("trace_id", "") for line in self.lines if "order_id" in line}
        counts = Counter(line.get("trace_id") for line in self.lines)
        traces = [trace_of.get(order, "") for order in orders]
        return sum(counts[one] < LINES or not self.traces.get(one, set()) >= SPANS[kind] for one in traces)


def _spans(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the trace id and the name of each span, in either of OTLP's encodings."""
    if content_type == "application/json":
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from ((span["traceId"].lower(), span["name"]) for span in scope["spans"])
    elif content_type == "application/x-protobuf":
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            for part in group.scope_spans:
                yield from ((span.trace_id.hex(), span.name) for span in part.spans)


@contextmanager
def collecting() -> Iterator[tuple[Exports, int]]:
    """Take exports over OTLP/HTTP while the block runs; yield what they are added to, and the port."""
    exports: Exports = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            content_type = self.headers["Content-Type"] if self.path == "/v1/traces" else ""
            exports.append((content_type, gzip.decompress(body) if zipped else body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield exports, server.server_port
        server.shutdown()
