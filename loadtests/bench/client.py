"""An HTTP client that costs little: one request after the other on each of several connections.

It knows just what the bench sends and gets: whole answers with a Content-Length. A general client would take
longer for a request than the api does, and on two cores the generator's time is the servers'.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

from stack.errors import StackError

BODY = (
    b'{"customer":{"name":"Ada Lovelace","email":"ada@example.com"},'
    b'"items":[{"sku":"espresso-beans","quantity":2},{"sku":"moka-pot","quantity":1}],'
    b'"payment":{"token":"tok_visa"}}'
)
REQUEST = (
    b"POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
ACCEPTED = b"HTTP/1.1 202"
ID = b'"id":"'
ID_LENGTH = 36


@dataclass(slots=True)
class Tally:
    """What was answered."""

    ids: list[str] = field(default_factory=list)
    """Of accepted orders."""
    latencies: list[float] = field(default_factory=list)
    """In seconds."""
    refused: list[bytes] = field(default_factory=list)
    """Answers other than 202."""
    going: bool = True


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last was answered, while the tally goes on."""

    def __init__(self, tally: Tally) -> None:
        """Keep where to count; `done` is set once the last answer is there, or the connection broke."""
        self._tally = tally
        self._received = bytearray()
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take an answer, when all of it is there."""
        self._received += data
        head, separator, body = bytes(self._received).partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._note(head, body)
        self._received.clear()
        if self._tally.going:
            self._send()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, with an error unless the last answer is there."""
        if not self.done.done():
            self.done.set_exception(StackError(f"the service closed a connection: {exc}"))

    def _send(self) -> None:
        self._sent = perf_counter()
        if self._transport is not None:
            self._transport.write(REQUEST)

    def _note(self, head: bytes, body: bytes) -> None:
        self._tally.latencies.append(perf_counter() - self._sent)
        start = body.find(ID) + len(ID)
        if head.startswith(ACCEPTED):
            self._tally.ids.append(body[start : start + ID_LENGTH].decode())
        else:
            self._tally.refused.append(bytes(self._received))
            self._tally.going = False

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


async def place_orders(ports: Sequence[int], clients: int, seconds: float) -> Tally:
    """Place orders for so many seconds, and wait until the last was answered.

    Raises:
        StackError: One was refused, or a connection broke.
    """
    tally, loop = Tally(), asyncio.get_running_loop()
    connections = []
    for number in range(clients):
        port = ports[number % len(ports)]
        _, connection = await loop.create_connection(lambda: Connection(tally), "127.0.0.1", port)
        connections.append(connection)
    loop.call_later(seconds, setattr, tally, "going", False)  # noqa: FBT003 - setattr's own
    await asyncio.wait_for(asyncio.gather(*(one.done for one in connections)), seconds + 30)
    if tally.refused:
        raise StackError(f"an order was refused: {tally.refused[0].decode(errors='replace')}")
    return tally
