"""What a dead letter tells: why, when and after how many attempts a message was set aside."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aio_pika.abc import AbstractIncomingMessage

from services.common.messaging.messages import (
    ATTEMPT,
    FIRST_PUBLISHED_AT,
    Outgoing,
    attempt_in,
    now_ms,
    positive,
    trace_fields,
)

REPLAYS = "x-replays"
"""How often the message has been replayed from a dead-letter queue."""
REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""As in `contracts/schemas/headers.schema.json`; the broker's own reasons are such words, too."""
MOST_REPLAYS = 1_000_000
"""No more are counted: a header's integer has 64 bits, and may be a stranger's."""
SUFFIX = ".dlq"
OF_THE_PAST = ("x-dead-letter", "x-retry-", "x-death", "x-first-death", "x-last-death", "x-delivery-count")
"""Headers, by how they begin, that tell how a message got where it was; a replay begins anew."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue."""

    id: str
    """Made from what the letter is, so that it is the same at every look."""
    queue: str
    reason: str
    """One word; `delivery_limit` and the like when the broker itself set it aside."""
    error: str
    attempts: int
    replays: int
    dead_lettered_at: int | None
    """Unix time in ms."""
    message_id: str | None
    correlation_id: str | None
    type: str | None
    trace_id: str | None
    headers: Mapping[str, object]
    body: bytes

    @property
    def origin(self) -> str:
        """The queue that it comes from, by the name of the queue it lies in: headers may be a stranger's."""
        return self.queue.removesuffix(SUFFIX)


def dead_letter(message: AbstractIncomingMessage, queue: str) -> DeadLetter:
    """Return what a message in a dead-letter queue tells; whatever is malformed is left out."""
    headers = dict(message.headers)
    at = headers.get("x-dead-lettered-at")
    identity = repr((message.message_id, message.correlation_id, at, message.body)).encode()
    return DeadLetter(
        id=hashlib.sha256(identity).hexdigest()[:32],
        queue=queue,
        reason=_reason(headers.get("x-dead-letter-reason") or headers.get("x-first-death-reason")),
        error=_text(headers.get("x-dead-letter-error")),
        attempts=attempt_in(message.headers),
        replays=min(positive(headers.get(REPLAYS)), MOST_REPLAYS),
        dead_lettered_at=positive(at) or None,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        type=message.type,
        trace_id=trace_fields(headers).get("trace_id"),
        headers=headers,
        body=message.body,
    )


def replay_of(letter: DeadLetter) -> Outgoing:
    """Return the message that a letter is sent as: the same ids and trace, and all attempts anew."""
    kept = {name: value for name, value in letter.headers.items() if not name.startswith(OF_THE_PAST)}
    return Outgoing(
        entry=letter.id,
        exchange=letter.origin,
        routing_key=letter.origin,
        message_id=letter.message_id or "",
        correlation_id=letter.correlation_id or "",
        body=letter.body,
        headers={
            **kept,  # type: ignore[dict-item]  # a stranger's may be anything that AMQP has
            ATTEMPT: 1,
            FIRST_PUBLISHED_AT: now_ms(),
            REPLAYS: letter.replays + 1,
        },
    )


def _reason(value: object) -> str:
    return value if isinstance(value, str) and REASON.fullmatch(value) else "unknown"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def found_by(letter: DeadLetter) -> dict[str, str | None]:
    """Return the fields of a log line under which a letter and its work are found."""
    return {
        "queue": letter.queue,
        "reason": letter.reason,
        "message_id": letter.message_id,
        "correlation_id": letter.correlation_id,
        **trace_fields(letter.headers),
    }
