"""From the encoded spans of one request to the store."""

import asyncio
from dataclasses import dataclass

from stack.backends.traces.spans import InvalidSpanError, Origin, StoredSpan, read_span
from stack.backends.traces.store import TraceStore

# Spans between two turns of the event loop: a few milliseconds, so that queries are answered meanwhile.
_TURN = 500
_MAX_SPAN_BYTES = 256 * 1024


@dataclass(slots=True)
class Outcome:
    """How many spans were left out, and why the last of them was."""

    rejected: int = 0
    reason: str = ""

    def reject(self, reason: str) -> None:
        """Count a span that is left out."""
        self.rejected += 1
        self.reason = reason


async def ingest(spans: list[tuple[Origin, bytes]], store: TraceStore) -> Outcome:
    """Decode all spans, then store them; invalid ones are left out.

    Raises:
        MalformedError: one of them is no encoded span; then none is stored.
    """
    outcome = Outcome()
    valid: list[tuple[Origin, StoredSpan]] = []
    for number, (origin, encoded) in enumerate(spans, 1):
        try:
            valid.append((origin, _read(encoded)))
        except InvalidSpanError as error:
            outcome.reject(str(error))
        if number % _TURN == 0:
            await asyncio.sleep(0)
    for origin, span in valid:
        if not store.add(origin, span):
            outcome.reject(f"trace {span.trace_id.hex()} is full")
    return outcome


def _read(encoded: bytes) -> StoredSpan:
    if len(encoded) > _MAX_SPAN_BYTES:
        raise InvalidSpanError(f"a span is larger than {_MAX_SPAN_BYTES} bytes")
    return read_span(encoded)
