"""Whether each order of a slice is seen, by what a service has written and exported; and the cheap client."""

import asyncio
import gzip
import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from loadtests.bench.client import POST, send
from loadtests.bench.evidence import SPANS, Evidence, collecting
from stack.errors import StackError

LINES: list[dict[str, Any]] = [
    {"event": "order accepted", "order_id": "a", "trace_id": "t"},
    {"event": "request", "trace_id": "t"},
]
ID = "019ab2f0-5c1f-7a01-8b2c-0123456789ab"


@pytest.mark.parametrize(
    ("lines", "traces", "missing"),
    [
        (LINES, {"t": SPANS["api"]}, 0),
        (LINES[:1], {"t": SPANS["api"]}, 1),
        (LINES[1:], {"t": SPANS["api"]}, 1),
        (LINES, {"t": {"POST /v1/orders"}}, 1),
        (LINES, {"other": SPANS["api"]}, 1),
    ],
)
def test_an_order_needs_all_its_spans_and_lines(
    lines: list[dict[str, Any]], traces: dict[str, set[str]], missing: int
) -> None:
    """They must be in one trace, which the lines name."""
    evidence = Evidence([], [])
    evidence.lines, evidence.traces = lines, traces
    assert evidence.unseen("api", ["a"]) == missing


def test_lines_are_taken_once(tmp_path: Path) -> None:
    """Text that is no JSON is passed over; whoever appends goes on at the start of the file."""
    log = tmp_path / "api.log"
    log.write_text('{"event":"earlier"}\n')
    with log.open("ab", buffering=0) as file:
        evidence = Evidence([], [log])
        for text in (b'{"event":"request"}\nTraceback\n', b"{}\n"):
            file.write(text)
            evidence.read()
    assert evidence.lines == [{"event": "request"}, {}]


def test_spans_are_found_by_trace_in_both_encodings() -> None:
    """Both stock and our exporter are understood, with gzip and without, on one connection."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="one", trace_id=b"\xab" * 16)
    group = {"scopeSpans": [{"spans": [{"traceId": "AB" * 16, "name": "two"}]}]}
    zipped = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    plain = {"Content-Type": "application/json"}
    with collecting() as (exports, port):
        evidence, connection = Evidence(exports, []), HTTPConnection("127.0.0.1", port, timeout=5)
        for body, headers in (
            (gzip.compress(request.SerializeToString()), zipped),
            (json.dumps({"resourceSpans": [group]}).encode(), plain),
        ):
            connection.request("POST", "/v1/traces", body, headers)
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"")
        connection.close()
    evidence.read()
    assert (evidence.spans, dict(evidence.traces)) == (2, {"ab" * 16: {"one", "two"}})


async def answering(status: bytes, seconds: float = 0.05) -> list[tuple[float, bytes]]:
    """Place orders with a server that always answers the same, in two pieces."""
    body = b'{"id":"%s"}' % ID.encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(len(POST)):
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
            await writer.drain()
            writer.write(body)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        return await send([POST], [server.sockets[0].getsockname()[1]], 2, seconds)


async def test_the_client_returns_bodies_and_ends_at_a_refusal() -> None:
    """It sends one request after the other on each connection; a rate of errors is no rate."""
    answers = await answering(b"202 Accepted")
    assert {json.loads(body)["id"] for _, body in answers} == {ID}
    assert min(latency for latency, _ in answers) > 0
    assert len(answers) > 2
    with pytest.raises(StackError, match="the api answered 429"):
        await answering(b"429 Too Many Requests", seconds=5)
