"""uvicorn's HTTP protocol with answers in order, whatever ends the connection: a refusal, or the client.

Answers are held back until the end of a turn (`Joined`), so that ends of connections are looked after, too.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.common.http.joined import Joined
from services.common.http.refusals import Refusal, noted, on_the_wire, overloaded

HALF_CLOSED_SECONDS = 10.0
"""How long a stream may go on that began after its client closed its half, and may have been gone."""


class OrderedProtocol(HttpToolsProtocol):
    """Answers what was asked in full, each request in its turn, before it refuses or closes anything."""

    _joined: Joined
    _running: Any = None
    """The cycle that an application was last started for; behind it others may wait."""
    _later: Refusal | None = None
    """What is to be said once the requests before it were answered; nothing is read any more."""
    _head_awaited = True
    """Whether the next thing to be completed is a head, not a body."""
    _half_closed: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hold answers back until the end of a turn."""
        super().connection_made(transport)
        self._joined = Joined(transport, self.loop)
        self.transport = self._joined  # type: ignore[assignment]  # as far as uvicorn needs one

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who is answering: uvicorn tells only the request that came last."""
        if self._half_closed is not None:
            self._half_closed.cancel()
        self._joined.forget()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)
        while self.pipeline:
            _release(self.pipeline.pop()[0])

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own signature
        """Answer what was asked before the client closed its half; the event loop would close all of it."""
        self._joined.flush()
        self._drop_unfinished()
        if self._receiving() or not self._owes():
            return False
        if self._later is None:
            last = self.pipeline[0][0] if self.pipeline else self._running
            last.keep_alive = False
        self._end_stream()
        return True

    def on_response_complete(self) -> None:
        """Say what had to wait for this answer."""
        super().on_response_complete()
        if self._later is not None:
            self._refuse(self._later)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401 - uvicorn's own
        self._running = cycle
        chosen: Any = overloaded if app is service_unavailable else app
        super()._start_asgi_task(cycle, chosen)

    def _owes(self) -> bool:
        """Tell whether a request has begun to be served and is not answered."""
        return self._running is not None and not self._running.response_complete

    def _receiving(self) -> bool:
        """Tell whether the request that is being served is not all there."""
        return not self._head_awaited and self._running is self.cycle

    def _drop_unfinished(self) -> None:
        """Forget a request that is not all there, unless somebody has begun with it."""
        if not self._head_awaited and self.pipeline and self.pipeline[0][0] is self.cycle:
            _release(self.pipeline.popleft()[0])

    def _end_stream(self) -> None:
        """Close a connection that a stream goes to, now or once one has begun: the client may be gone."""
        if self._running.chunked_encoding:
            self.transport.close()
        else:
            self._half_closed = self.loop.call_later(HALF_CLOSED_SECONDS, self._end_stream)

    def _refuse(self, refusal: Refusal) -> None:
        """Say why nothing more is read, after the answers to what came before, and close the connection."""
        self._drop_unfinished()
        if self._owes() and not self._receiving():
            self._later = refusal
            return
        if not (self._owes() and self._running.response_started):
            self.transport.write(on_the_wire(refusal, noted(refusal), self.server_state.default_headers))
        self.transport.close()


def _release(cycle: Any) -> None:  # noqa: ANN401 - uvicorn's own
    """Let go of a request that nobody will begin with: it holds its connection, which holds it."""
    cycle.on_response = None
