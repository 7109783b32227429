"""Sockets whose every wait ends at one deadline, however slowly bytes trickle in."""

import io
import socket
import ssl
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from observability.otlp.endpoint import Endpoint

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def remaining(deadline: float) -> float:
    """Return the seconds until the deadline, which is on the monotonic clock.

    Raises:
        TimeoutError: It has passed.
    """
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return seconds


def connect(endpoint: Endpoint, tls: ssl.SSLContext | None, deadline: float) -> socket.socket:
    """Return a connected socket, through TLS if a context is given, trying each address of the host in turn.

    Resolving the host's name is the one wait that the deadline cannot cut short.

    Raises:
        OSError: No address could be connected to; TimeoutError when the deadline passed.
    """
    failure = OSError(f"{endpoint.host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM
    ):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(remaining(deadline))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return tls.wrap_socket(connection, server_hostname=endpoint.host) if tls else connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


class DeadlineSocket:
    """The part of a socket that `http.client` uses, held to the deadline of the current exchange."""

    def __init__(self, connected: socket.socket) -> None:
        """Take over a connected socket."""
        self._socket = connected
        self.deadline = 0.0

    def sendall(self, data: bytes) -> None:
        """Send all of it before the deadline, or raise TimeoutError."""
        self._socket.settimeout(remaining(self.deadline))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader that outlives `close`, as a socket's own does."""
        return io.BufferedReader(_Reader(self._socket, self.deadline))

    def abort(self) -> None:
        """End, from another thread, whatever the socket waits for."""
        with suppress(OSError):  # it may have ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket once its last reader is closed."""
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: float) -> None:
        super().__init__()
        self._socket = connected
        self._raw = connected.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._socket.settimeout(remaining(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
