"""The SMTP side: takes mail for anybody from anybody, within bounds."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import AnyStr

from aiosmtpd.smtp import SMTP

from stack.backends.inbox.delivery import Delivery
from stack.backends.inbox.mailbox import Mailbox

# A client that sends this much too much without waiting for an answer is cut off (bytes).
_SLACK = 2**20


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """What clients may do; the timeout runs from one command to the next (seconds)."""

    max_message_bytes: int = 2 * 2**20
    max_connections: int = 200
    timeout: float = 60


class _Connection(SMTP):
    """One client. aiosmtpd discards what is over the limit, but not a line that never ends: this does."""

    def __init__(self, delivery: Delivery, limits: SmtpLimits, connections: set["_Connection"]) -> None:
        super().__init__(
            delivery,
            hostname="localhost",  # otherwise every connection asks the resolver
            ident="orderscope inbox",
            data_size_limit=limits.max_message_bytes,
            enable_SMTPUTF8=True,
            timeout=limits.timeout,
            loop=asyncio.get_running_loop(),
        )
        self._most = limits.max_message_bytes + _SLACK
        self._unanswered = 0
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._unanswered += len(data)
        if self._unanswered <= self._most:
            super().data_received(data)
        elif self.transport is not None:
            _refuse(self.transport, b"552 5.3.4 Too much mail data")

    async def push(self, status: AnyStr) -> None:
        self._unanswered = 0
        await super().push(status)

    def close(self) -> None:
        """Hang up on the client."""
        if self.transport is not None:
            self.transport.close()


class _Refusal(asyncio.Protocol):
    """A client for whom there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _refuse(transport, b"421 4.3.2 Too many connections")


def _refuse(transport: asyncio.BaseTransport, reply: bytes) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.write(reply + b"\r\n")
    transport.close()


@asynccontextmanager
async def receiving(
    mailbox: Mailbox, listener: socket.socket, limits: SmtpLimits | None = None
) -> AsyncIterator[None]:
    """Take mail on a socket while the context lasts."""
    limits = limits or SmtpLimits()
    delivery = Delivery(mailbox)
    connections: set[_Connection] = set()

    def protocol() -> asyncio.Protocol:
        if len(connections) >= limits.max_connections:
            return _Refusal()
        return _Connection(delivery, limits, connections)

    server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
    try:
        yield
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        await server.wait_closed()
