"""One persistent HTTP/1.1 connection to an OTLP endpoint."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import cast

from observability.otlp.deadline import DeadlineSocket, connect
from observability.otlp.endpoint import Endpoint
from observability.otlp.headers import CONTENT_TYPE

_RESPONSE_LIMIT = 64 * 1024  # bytes; an honest answer has a few hundred


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer; the body is empty unless it is protobuf."""

    status: int
    retry_after: str | None
    body: bytes


class Connection:
    """Posts protobuf to one endpoint, and connects when that is needed, at first or again.

    Not for several threads at once.
    """

    def __init__(
        self, endpoint: Endpoint, headers: Mapping[str, bytes], tls: ssl.SSLContext | None = None
    ) -> None:
        """Open nothing yet; `tls` is used for https only, and trusts what the system trusts by default."""
        self._endpoint = endpoint
        self._headers = headers
        self._tls = (tls or ssl.create_default_context()) if endpoint.secure else None
        self._http = HTTPConnection(endpoint.host, endpoint.port)
        self._aborted = False

    def post(self, body: bytes, deadline: float) -> Reply:
        """Post the body and return the answer, both before the deadline on the monotonic clock.

        Raises:
            OSError: The server cannot be reached or broke off; TimeoutError when the deadline passed.
            http.client.HTTPException: What came back is not HTTP, or not all of it came.
        """
        reused = self._opened() is not None
        try:
            return self._exchange(body, deadline)
        except ConnectionError:
            # A server may close an idle connection at any time (RFC 9112, section 9.5); it shows only now.
            if not reused or self._aborted:
                raise
        return self._exchange(body, deadline)

    def close(self) -> None:
        """Close the connection if it is open; the next post opens another."""
        self._http.close()

    def abort(self) -> None:
        """Make the post that another thread is in, and every later one, fail with ConnectionError."""
        self._aborted = True
        if (opened := self._opened()) is not None:
            opened.abort()

    def _exchange(self, body: bytes, deadline: float) -> Reply:
        try:
            self._open(deadline)
            self._http.request("POST", self._endpoint.target, body, self._headers)
            with self._http.getresponse() as response:
                return self._reply(response)
        except BaseException:
            # What is still on its way would be taken for the answer to the next request.
            self.close()
            raise

    def _open(self, deadline: float) -> None:
        opened = self._opened()
        if opened is None:
            opened = self._http.sock = DeadlineSocket(connect(self._endpoint, self._tls, deadline))
        opened.deadline = deadline
        if self._aborted:  # is looked at last, because abort() looks for the socket last
            raise ConnectionAbortedError("the exporter is shut down")

    def _opened(self) -> DeadlineSocket | None:
        return cast("DeadlineSocket | None", self._http.sock)

    def _reply(self, response: HTTPResponse) -> Reply:
        body = response.read(_RESPONSE_LIMIT)
        if not response.isclosed():
            self.close()  # cheaper than reading on
        is_protobuf = response.headers.get_content_type() == CONTENT_TYPE
        return Reply(response.status, response.headers["Retry-After"], body if is_protobuf else b"")
