"""The trace store as a process."""

import asyncio
import signal
import socket
import sys
import time

import orjson
import pytest

from stack.backends.traces.cli import parse_settings
from stack.backends.traces.store import Limits
from tests.unit.backend_process import backend, fetch
from tests.unit.trace_samples import make_request, make_span, trace_id

FREE_PORTS = ("--otlp-port", "0", "--query-port", "0")
PROTOBUF = "application/x-protobuf"


async def test_spans_of_three_services_come_out_as_one_trace() -> None:
    """In by OTLP over real connections, out by Jaeger's API; both ports are healthy; SIGTERM ends it well."""
    async with backend("stack.backends.traces", *FREE_PORTS) as running:
        otlp, query = running.addresses
        for url in running.addresses:
            assert orjson.loads(await fetch(f"{url}/health")) == {"status": "up"}
        for service in ("api", "worker", "notifier"):
            body = make_request(make_span(1, f"{service} works"), service=service).SerializeToString()
            assert await fetch(f"{otlp}/v1/traces", body, content_type=PROTOBUF) == b""
        answer = orjson.loads(await fetch(f"{query}/api/v3/traces/{trace_id(1).hex()}"))
        assert len(answer["result"]["resourceSpans"]) == 3
        assert await running.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_at_once_although_a_client_stays_connected(number: signal.Signals) -> None:
    """An exporter that keeps half a request to itself does not hold it up."""
    async with backend("stack.backends.traces", *FREE_PORTS) as running:
        host, port = running.addresses[0].removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 10\r\n\r\n"
        )
        writer.write(head.encode() + b"half")
        await writer.drain()
        started = time.monotonic()
        assert await running.stop(number) == 0
        assert time.monotonic() - started < 10
        writer.close()


async def test_queries_are_answered_while_spans_pour_in() -> None:
    """Thousands of spans a second leave room for a query, which never waits for long."""
    async with backend("stack.backends.traces", *FREE_PORTS) as running:
        otlp, query = running.addresses
        bodies = [
            make_request(*(make_span(1 + part * 500 + n // 10) for n in range(2_000))).SerializeToString()
            for part in range(10)
        ]
        posts = asyncio.gather(*(fetch(f"{otlp}/v1/traces", body, content_type=PROTOBUF) for body in bodies))
        waits = []
        while not posts.done():
            started = time.monotonic()
            await fetch(f"{query}/api/v3/services")
            waits.append(time.monotonic() - started)
        assert await posts == [b""] * 10
        assert max(waits) < 2


async def test_a_port_that_is_taken_is_named() -> None:
    """A clear message and status 1, no stack trace."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stack.backends.traces", "--otlp-port", "0", "--query-port", str(port)),
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            _, message = await process.communicate()
    assert process.returncode == 1
    assert str(port) in message.decode()
    assert "Traceback" not in message.decode()


def test_the_defaults_are_the_customary_ports() -> None:
    """OTLP/HTTP's and Jaeger's, on this machine alone."""
    settings = parse_settings([])
    assert (settings.host, settings.otlp_port, settings.query_port) == ("127.0.0.1", 4318, 16686)
    assert settings.limits == Limits()


def test_limits_are_settings() -> None:
    """Each bound has its flag."""
    flags = ("--max-traces", "--max-spans", "--max-spans-per-trace", "--max-bytes")
    given = [text for number, flag in enumerate(flags, 1) for text in (flag, str(number))]
    assert parse_settings(given).limits == Limits(1, 2, 3, 4)


@pytest.mark.parametrize(
    "arguments", [["--max-traces", "0"], ["--otlp-port", "65536"], ["--query-port", "x"]]
)
def test_bad_arguments_end_it(arguments: list[str]) -> None:
    """With argparse's status 2, before anything is opened."""
    with pytest.raises(SystemExit, match="2"):
        parse_settings(arguments)
