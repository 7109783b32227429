"""Whether each order of a slice is seen, by what a service has written and exported."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from loadtests.bench.accounting import SPANS, take_lines, unseen
from loadtests.bench.client import REQUEST, place_orders
from loadtests.bench.seeds import seeds
from loadtests.bench.sink import Sink, listening
from observability.export.spans import spans_request
from stack.errors import StackError
from tests.unit.otlp_samples import RESOURCE, span

LINES = [
    {"event": "order accepted", "order_id": "a", "trace_id": "t"},
    {"event": "request", "trace_id": "t"},
]


@pytest.mark.parametrize(
    ("lines", "traces", "missing"),
    [
        (LINES, {"t": set(SPANS["api"])}, []),
        (LINES[:1], {"t": set(SPANS["api"])}, ["a"]),
        (LINES[1:], {"t": set(SPANS["api"])}, ["a"]),
        (LINES, {"t": {"POST /v1/orders"}}, ["a"]),
        (LINES, {"other": set(SPANS["api"])}, ["a"]),
        ([], {}, ["a"]),
    ],
)
def test_an_order_needs_all_its_spans_and_lines(
    lines: list[dict[str, Any]], traces: dict[str, set[str]], missing: list[str]
) -> None:
    """In one trace, which its lines name."""
    assert unseen("api", ["a"], lines, traces) == missing


def test_of_a_sample_only_the_lines_are_needed() -> None:
    """Which traces are kept is for the services to decide."""
    assert unseen("api", ["a", "b"], LINES, None) == ["b"]


def test_seeds_are_sampled_as_asked() -> None:
    """All, none, or about a share; each is in a trace of its own."""
    flags = {
        share: [str(one.message.headers["traceparent"])[-2:] for one in seeds(400, share)]
        for share in (0, 0.5, 1)
    }
    assert (set(flags[0]), set(flags[1])) == ({"00"}, {"01"})
    assert 100 < flags[0.5].count("01") < 300
    assert len({one.trace_id for one in seeds(50)}) == 50


def test_lines_are_taken_once(tmp_path: Path) -> None:
    """What is no line of ours is passed over; whoever appends goes on at the start."""
    log = tmp_path / "api.log"
    with log.open("ab") as file:
        file.write(b'{"event":"request"}\nTraceback\n[1]\n')
        file.flush()
        assert take_lines(log) == ([{"event": "request"}, {}, {}], 34)
        file.write(b"{}\n")
        file.flush()
        assert take_lines(log) == ([{}], 3)
    assert take_lines(tmp_path / "none.log") == ([], 0)


async def test_the_sink_counts_spans_by_trace() -> None:
    """Other signals count as bytes only."""
    sink, body = Sink(), spans_request(RESOURCE, [span(name="one"), span(name="two")])[0]
    async with listening(sink):
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        for path in (b"/v1/traces", b"/v1/logs"):
            writer.write(b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path, len(body)))
            writer.write(body)
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()
    sink.read()
    assert (sink.spans, sink.bytes, list(sink.traces.values())) == (2, 2 * len(body), [{"one", "two"}])
    sink.forget()
    assert (sink.spans, sink.bytes, sink.traces) == (0, 0, {})


async def answering(status: bytes, seconds: float = 0.05) -> Any:  # noqa: ANN401 - a tally
    """Place orders with a server that always answers the same, in two pieces."""
    body = b'{"id":"019ab2f0-5c1f-7a01-8b2c-0123456789ab"}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(len(REQUEST)):
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
            await writer.drain()
            writer.write(body)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        return await place_orders([server.sockets[0].getsockname()[1]], 2, seconds)


async def test_the_client_takes_down_ids_and_latencies() -> None:
    """One after the other on each connection, until the time is up."""
    tally = await answering(b"202 Accepted")
    assert set(tally.ids) == {"019ab2f0-5c1f-7a01-8b2c-0123456789ab"}
    assert len(tally.latencies) == len(tally.ids) > 2


async def test_a_refused_order_ends_the_run() -> None:
    """A rate of errors is no rate; the answer is shown."""
    with pytest.raises(StackError, match=r"HTTP/1\.1 429"):
        await answering(b"429 Too Many Requests", seconds=5)
