"""What a dead letter says: why, when and after how many attempts a message was dead-lettered."""

import hashlib
import re
from dataclasses import dataclass

from services.common.messaging.messages import (
    ATTEMPT,
    FIRST_PUBLISHED_AT,
    Delivery,
    Outgoing,
    now_ms,
    positive,
)

REPLAYS = "x-replays"
"""How often the message has been replayed from a dead-letter queue."""
REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""As in `contracts/schemas/headers.schema.json`; the broker's own reasons are such words, too."""
MAX_REPLAYS = 1_000_000
"""No more are counted: a header's integer has 64 bits, and may be a stranger's."""
SUFFIX = ".dlq"
PAST_ATTEMPTS = ("x-dead-letter", "x-retry-")
"""Headers, by how they begin, that say what became of the attempts before a replay."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue; whatever its headers say may be a stranger's word."""

    id: str
    """Derived from the message, so that it is the same at every look."""
    delivery: Delivery
    reason: str
    """One word; `delivery_limit` and the like when the broker itself dead-lettered it."""
    error: str
    replays: int
    dead_lettered_at: int | None
    """Unix time in ms."""

    @property
    def source(self) -> str:
        """The queue that it comes from, by the name of the queue it lies in."""
        return self.delivery.queue.removesuffix(SUFFIX)

    def log_fields(self) -> dict[str, str | None]:
        """Return the fields by which a log line names the dead letter."""
        delivery = self.delivery
        return {**delivery.log_fields(), "reason": self.reason, "message_id": delivery.message_id}

    def replay(self) -> Outgoing:
        """Return the message that it is replayed as: the same ids and trace, and its attempts anew."""
        kept = {
            name: value for name, value in self.delivery.headers.items() if not name.startswith(PAST_ATTEMPTS)
        }
        return Outgoing(
            entry=self.id,
            exchange=self.source,
            routing_key=self.source,
            message_id=self.delivery.message_id or "",
            correlation_id=self.delivery.correlation_id or "",
            body=self.delivery.body,
            headers={
                **kept,  # type: ignore[dict-item]  # a stranger's may be anything that AMQP has
                ATTEMPT: 1,
                FIRST_PUBLISHED_AT: now_ms(),
                REPLAYS: self.replays + 1,
            },
        )


def dead_letter(delivery: Delivery) -> DeadLetter:
    """Return what a message in a dead-letter queue says; whatever is malformed is left out."""
    headers = delivery.headers
    at = headers.get("x-dead-lettered-at")
    identity = repr((delivery.message_id, delivery.correlation_id, at, delivery.body)).encode()
    return DeadLetter(
        id=hashlib.sha256(identity).hexdigest()[:32],
        delivery=delivery,
        reason=_reason(headers.get("x-dead-letter-reason") or headers.get("x-first-death-reason")),
        error=error if isinstance(error := headers.get("x-dead-letter-error"), str) else "",
        replays=min(positive(headers.get(REPLAYS)), MAX_REPLAYS),
        dead_lettered_at=positive(at) or None,
    )


def _reason(value: object) -> str:
    return value if isinstance(value, str) and REASON.fullmatch(value) else "unknown"
