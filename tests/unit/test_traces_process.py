"""The trace store as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from stack.ports import Ports, free_port
from stack.processes import exit_status, send
from stack.servers import backends
from stack.startup import begin, is_ready
from tests.unit.stack_fakes import until
from tests.unit.trace_samples import PROTOBUF, make_request, make_span

BODY = make_request(*(make_span(number) for number in range(1, 2_001))).SerializeToString()
HALF = "Host: x\r\nContent-Length: 9\r\n\r\nhalf"


def test_it_takes_spans_answers_and_stops_in_time(tmp_path: Path) -> None:
    """OTLP on one port, Jaeger's API on the other; a client that sends half a request does not hold it up."""
    otlp, query = free_port(), free_port()
    starting = begin(
        backends.spec("traces", Ports(otlp_http=otlp, traces=query), tmp_path, os.environ), tmp_path
    )
    until(lambda: is_ready(starting))
    with httpx2.Client(trust_env=False) as client, socket.create_connection(("127.0.0.1", otlp)) as half:
        url = f"http://127.0.0.1:{otlp}/v1/traces"
        assert client.post(url, content=BODY, headers={"content-type": PROTOBUF}).status_code == 200
        services = client.get(f"http://127.0.0.1:{query}/api/v3/services").json()
        assert services == {"services": ["api"]}
        half.sendall(f"POST /v1/traces HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\n{HALF}".encode())
        begun = time.monotonic()
        send(starting.process, signal.SIGTERM)
        until(lambda: exit_status(starting.process) is not None)
    assert time.monotonic() - begun < 8


def test_a_port_that_is_taken_is_named() -> None:
    """In one line, with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "stack.backends.traces", "--otlp-port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert port in line
