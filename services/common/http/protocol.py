"""uvicorn's HTTP protocol with the bounds that it lacks: how large a head may be, how slow, how many wait.

A client that reads nothing is left to the kernel (`http_server` sets TCP_USER_TIMEOUT); a body is bounded by
who reads it.
"""

import asyncio
from itertools import chain
from typing import Any, NoReturn

from httptools import HttpParserError

from services.common.http.ordered import OrderedProtocol
from services.common.http.refusals import BROKEN, LATE, TOO_LARGE, TOO_MANY, Refusal

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 100
MAX_PIPELINED = 100
"""Requests that may wait on a connection: one read brings thousands of them, each of which takes 2 KB."""
HEAD_TIMEOUT_SECONDS = 10.0
"""For a head once it has begun, and for the rest of a body that nobody reads any more."""
COMPLETE = "orderscope.complete"
"""In the scope of a request that is here with all of its body: who reads that does not wait."""


class BoundedProtocol(OrderedProtocol):
    """Answers 431, 408 or 429 where uvicorn would go on reading for ever, and 400 as a problem."""

    _deadline: asyncio.TimerHandle | None = None
    _refusal = BROKEN
    """What it means when the parser gives up."""
    _finished: Any = None
    """The scope of the last message that was complete."""
    _unparsed = 0
    """Bytes since a head, a part of a body or a message was complete: the parser keeps them, however many."""
    _at_most = 0
    """Bytes that the current head can have, so that most need not be measured."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse what leads nowhere."""
        if self._later is not None:
            return
        self._unparsed += len(data)
        self._at_most += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._later is not None:
            return
        if self._unparsed > MAX_HEAD_BYTES:
            self._refuse(TOO_LARGE)
        elif self._head_awaited and (self._unparsed or self.scope is not self._finished):
            self._expect()
        else:
            self._at_most = 0

    def on_headers_complete(self) -> None:
        """Take a head that was in time, is not too large, and not one too many."""
        self._in_time()
        self._check_size(self._at_most)
        if len(self.pipeline) >= MAX_PIPELINED:
            self._give_up(TOO_MANY)
        self._head_awaited, self._unparsed = False, 0
        super().on_headers_complete()
        # Trailers are not added to the request: they must not pass for headers (RFC 9110, 6.5.1).
        self.headers = []

    def on_chunk_header(self) -> None:
        """A chunk's extensions ended."""
        self._unparsed = 0

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next message, if the answer to this one is out already."""
        if self.headers:  # trailers
            self._check_size(self._size())
        self._in_time()
        self._head_awaited, self._finished, self._unparsed = True, self.scope, 0
        self.scope[COMPLETE] = True  # type: ignore[literal-required]  # scopes may be extended
        super().on_message_complete()
        if self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # uvicorn arms it with the answer only, and disarms it with the bytes that came since.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Give the rest of a body that nobody reads its time, too."""
        super().on_response_complete()
        if not self._head_awaited and self.cycle.response_complete and not self.transport.is_closing():
            self._expect()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text
        """Answer what the parser gave up."""
        self._refuse(self._refusal)

    def _unsupported_upgrade_warning(self) -> None:
        # The parser reads nothing after a message that asks for another protocol.
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self.transport.close()

    def _check_size(self, at_most: int) -> None:
        if len(self.headers) > MAX_HEADERS or (at_most > MAX_HEAD_BYTES and self._size() > MAX_HEAD_BYTES):
            self._give_up(TOO_LARGE)

    def _give_up(self, meaning: Refusal) -> NoReturn:
        """Have the parser stop, of which uvicorn tells `send_400_response`."""
        self._refusal = meaning
        raise HttpParserError

    def _size(self) -> int:
        return len(self.url) + 4 * len(self.headers) + sum(map(len, chain.from_iterable(self.headers)))

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_TIMEOUT_SECONDS, self._late)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self.transport.is_closing() or self._later is not None:
            return
        if self._answering():
            self._expect()  # whoever awaits an answer may take its time
        elif self._head_awaited and (self._unparsed or self.scope is not self._finished):
            self._refuse(LATE)
        else:
            self.transport.close()

    def _answering(self) -> bool:
        """Tell whether an answer is due or on its way."""
        return self._owes() and (not self._receiving() or self._running.response_started)
