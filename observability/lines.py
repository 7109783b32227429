"""Writing log lines: what went wrong at once, all else a moment later and many together.

Rendering a line takes 6 µs among others of its kind, and 16 µs in the middle of a request, where its code has
to come into the processor's caches and pushes that of the request out.
"""

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from opentelemetry.trace import SpanContext
from structlog.typing import EventDict

DELAY_SECONDS = 0.1
MOST = 1_000
"""Lines that may wait; one more has all of them written at once."""
_CALM = frozenset({"debug", "info"})


class Entry(NamedTuple):
    """What is to become a line, and what was at hand when it was noted."""

    level: str
    event: EventDict
    at: float
    """Unix time, in seconds."""
    correlation_id: str | None
    span: SpanContext


class Lines:
    """Takes entries and writes each as a line, in the order in which a thread noted them."""

    def __init__(
        self,
        render: Callable[[Entry], bytes],
        write: Callable[[bytes], object],
        *,
        delay_seconds: float = 0.0,
    ) -> None:
        """Write by `write`; lines of levels below WARNING `delay_seconds` later, in a thread of their own.

        Only those of the thread that this is made in wait: what exports lines must not export its own.
        """
        self._render = render
        self._write = write
        self._delay_seconds = delay_seconds
        self._waiting: deque[Entry] = deque()
        self._some_wait = threading.Event()
        self._writing = threading.RLock()  # rendering may itself have something to say
        self._owner = threading.get_ident()
        if delay_seconds:
            threading.Thread(target=self._run, name="log-lines", daemon=True).start()
            atexit.register(self.close)

    def take(self, entry: Entry) -> None:
        """Write an entry, now or a moment later."""
        if threading.get_ident() != self._owner:
            self._put([entry])
            return
        self._waiting.append(entry)
        if not self._can_wait(entry):
            self.flush()
        elif not self._some_wait.is_set():
            self._some_wait.set()

    def close(self) -> None:
        """Write what waits; from now on every line is written at once."""
        self._delay_seconds = 0.0
        self._some_wait.set()
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            entries = []
            while self._waiting:
                entries.append(self._waiting.popleft())
            self._put(entries)

    def _can_wait(self, entry: Entry) -> bool:
        return (
            self._delay_seconds > 0
            and entry.level in _CALM
            and "exc_info" not in entry.event  # the exception is at hand only now
            and len(self._waiting) <= MOST
        )

    def _put(self, entries: Sequence[Entry]) -> None:
        if entries:
            with self._writing:
                self._write(b"".join([self._render(entry) for entry in entries]))

    def _run(self) -> None:
        while delay := self._delay_seconds:
            self._some_wait.wait()
            time.sleep(delay)
            self._some_wait.clear()
            with suppress(OSError):  # stdout is gone: nobody is left to be told
                self.flush()
