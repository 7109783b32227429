"""Asking a server whether it is ready. Each probe answers within about a second and raises nothing."""

import socket
from functools import partial
from http.client import HTTPConnection, HTTPException

from stack.spec import Probe

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 1.0
HTTP_OK = 200
# AMQP 0-9-1, 4.2.2 and 4.2.3: the header a client begins with, the type of the frame it is answered with.
AMQP_HEADER = b"AMQP\x00\x00\x09\x01"
AMQP_METHOD_FRAME = b"\x01"


def http(port: int, path: str) -> Probe:
    """Return a probe that is true when GET answers 200."""
    return partial(_http_answers, port, path)


def tcp(port: int) -> Probe:
    """Return a probe that is true when connections are taken."""
    return partial(_answers, port, b"", b"")


def redis(port: int) -> Probe:
    """Return a probe that is true when Redis has loaded its data and answers PING."""
    return partial(_answers, port, b"PING\r\n", b"+PONG")


def amqp(port: int) -> Probe:
    """Return a probe that is true when the broker opens an AMQP conversation."""
    return partial(_answers, port, AMQP_HEADER, AMQP_METHOD_FRAME)


def _http_answers(port: int, path: str) -> bool:
    # http.client knows no proxies: one in the environment must not stand between us and this machine.
    connection = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTP_OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _answers(port: int, request: bytes, answer: bytes) -> bool:
    try:
        with socket.create_connection((HOST, port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            return not answer or connection.recv(len(answer)) == answer
    except OSError:
        return False
