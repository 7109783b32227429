"""Probes say whether a server does its work, quickly, and never raise."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from stack import probes
from stack.ports import free_port
from stack.spec import Probe

HTTP = partial(probes.http, path="/ready")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Listen, and answer every connection with the same bytes once it has said something."""
    with socket.create_server(("127.0.0.1", free_port())) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed: the test is over
                    return
                with connection:
                    connection.settimeout(5)
                    connection.recv(1024)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def every_probe(port: int) -> list[Probe]:
    """Return one probe of each kind."""
    return [probes.http(port, "/ready"), probes.redis(port), probes.amqp(port), probes.tcp(port)]


def test_nothing_is_ready_where_nothing_listens() -> None:
    """A refused connection is an answer, not an error."""
    assert [probe() for probe in every_probe(free_port())] == [False] * 4


@pytest.mark.parametrize(
    ("kind", "answer", "ready"),
    [
        (HTTP, b"HTTP/1.1 200 OK\r\n\r\n", True),
        (HTTP, b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),  # it runs, and is not ready
        (HTTP, b"-ERR unknown command\r\n", False),
        (HTTP, b"", False),
        (probes.redis, b"+PONG\r\n", True),
        (probes.redis, b"-LOADING Redis is loading the dataset in memory\r\n", False),
        (probes.amqp, b"\x01\x00\x00", True),
        (probes.amqp, b"AMQP\x00\x00\x09\x01", False),  # it refuses the protocol (AMQP 0-9-1, 4.2.2)
    ],
)
def test_a_server_is_ready_with_the_right_answer_only(
    kind: Callable[[int], Probe], answer: bytes, *, ready: bool
) -> None:
    """HTTP's is 200, Redis has loaded its data, the broker begins a conversation."""
    with answering(answer) as port:
        assert kind(port)() is ready


def test_a_server_that_says_nothing_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server takes connections and never answers: the probe gives up."""
    monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        assert [probe() for probe in every_probe(port)] == [False, False, False, True]
