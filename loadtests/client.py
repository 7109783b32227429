"""Connections from an address of one's own, and event streams read as they come."""

import json
from collections.abc import Iterator
from typing import Any

import gevent.socket
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FastResponse

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
"""Longer than the pause between two comments in an event stream."""
CONCURRENCY = 2


class BoundPool(ConnectionPool):
    """Connections of one source address."""

    def __init__(self, source: str, client: HTTPClient) -> None:
        """Go where a client goes."""
        port = client.port or 80
        super().__init__(client.host, port, client.host, port, CONCURRENCY)
        self.connection_timeout, self.network_timeout = CONNECT_SECONDS, ANSWER_SECONDS
        self._source = source

    def _create_tcp_socket(self, family: int, socktype: int, protocol: int) -> gevent.socket.socket:
        sock = super()._create_tcp_socket(family, socktype, protocol)
        sock.bind((self._source, 0))
        return sock


class UserPool(HTTPClientPool):
    """A user's connections; from a source address, where there is one."""

    def __init__(self, source: str | None) -> None:
        """Keep where to come from."""
        super().__init__(
            concurrency=CONCURRENCY, connection_timeout=CONNECT_SECONDS, network_timeout=ANSWER_SECONDS
        )
        self._source = source

    def get_client(self, url: str | URL) -> HTTPClient:
        """Return the client of a server."""
        known = len(self.clients)
        client = super().get_client(url)
        if self._source and len(self.clients) > known:
            # The client names its class of pool itself.
            client._connection_pool = BoundPool(self._source, client)  # noqa: SLF001
        return client


def events(response: FastResponse) -> Iterator[dict[str, Any]]:
    """Yield the data of server-sent events as they arrive.

    Locust's `iter_lines` waits until a kilobyte is full.
    """
    stream = response._response  # noqa: SLF001 - Locust offers nothing else
    while stream is not None and (read := stream.readline(b"\n")):
        if read.startswith(b"data:"):
            yield json.loads(read[5:])
