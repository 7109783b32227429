"""A trace backend that costs little: takes what comes while it is measured, and reads it afterwards."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"

TRACES = b"/v1/traces"

Names = dict[str, set[str]]
"""The names of spans by the id of their trace."""


@dataclass(slots=True)
class Sink:
    """What one variant has exported."""

    port: int = 0
    bodies: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Paths and bodies of requests that have not been read yet."""
    bytes: int = 0
    """Of all signals."""
    spans: int = 0
    traces: Names = field(default_factory=lambda: defaultdict(set))

    def read(self) -> None:
        """Decode what has come since the last time."""
        while self.bodies:
            path, body = self.bodies.pop()
            self.bytes += len(body)
            if path != TRACES:
                continue
            for trace_id, name in _spans(body):
                self.spans += 1
                self.traces[trace_id].add(name)

    def forget(self) -> None:
        """Begin anew."""
        self.bodies.clear()
        self.traces.clear()
        self.bytes = self.spans = 0


def _spans(body: bytes) -> Iterator[tuple[str, str]]:
    if body.startswith(b"{"):  # OTLP/JSON, which is ours; the reference exports protobuf
        for group in orjson.loads(body)["resourceSpans"]:
            for part in group["scopeSpans"]:
                yield from ((span["traceId"], span["name"]) for span in part["spans"])
        return
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield span.trace_id.hex(), span.name


class _Exports(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end])
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        size = end + 4 + int(length or 0)
        if len(self._received) >= size and self._transport is not None:
            self._sink.bodies.append((head.split(b" ", 2)[1], bytes(self._received[end + 4 : size])))
            del self._received[:size]
            self._transport.write(ANSWER)


@asynccontextmanager
async def listening(sink: Sink) -> AsyncIterator[Sink]:
    """Take exports, on any free port, while the block runs."""
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: _Exports(sink), "127.0.0.1", 0) as server:
        sink.port = server.sockets[0].getsockname()[1]
        yield sink
