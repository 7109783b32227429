"""What operators are shown of dead letters."""

import base64
import codecs
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.convertors import StringConvertor, register_url_convertor

from services.common.messaging import dead_letter
from services.common.messaging.messages import trace_fields

MAX_BODY_BYTES = 64 * 1024
DEAD_LETTER_ID = "[0-9a-f]{32}"
DeadLetterId = Annotated[
    str, Path(pattern=f"^{DEAD_LETTER_ID}$", description="As a list of dead letters shows it.")
]


class _DeadLetterIdConvertor(StringConvertor):
    """Keeps `/{dead_letter_id:dead_letter}` from taking `/replay` for an id."""

    regex = DEAD_LETTER_ID


register_url_convertor("dead_letter", _DeadLetterIdConvertor())


class DeadLetterQueue(BaseModel):
    """A dead-letter queue."""

    queue: str
    count: int = Field(description="How many dead letters lie in it.")


class DeadLetterQueues(BaseModel):
    """All dead-letter queues."""

    items: list[DeadLetterQueue]


class DeadLetter(BaseModel):
    """Why and when a message was dead-lettered, and under which ids it is found elsewhere."""

    id: str
    reason: str = Field(description="One word.", examples=["schema_violation"])
    error: str = Field(description="The error's class and text, free of personal data.")
    attempts: int = Field(description="How often it was processed before it was dead-lettered.")
    replays: int = Field(description="How often it has been replayed.")
    dead_lettered_at: str | None = Field(description="RFC 3339 time, UTC.")
    message_id: str | None
    correlation_id: str | None
    trace_id: str | None
    type: str | None = Field(examples=["order.created.v1"])
    size: int = Field(description="Of the body, in bytes.")


class DeadLetterPage(BaseModel):
    """Some of the dead letters in a queue, the oldest first."""

    queue: str
    count: int = Field(description="How many dead letters lie in it in all.")
    items: list[DeadLetter]


class DeadLetterDetail(DeadLetter):
    """A dead letter with its contents, which may be personal."""

    headers: dict[str, str]
    body: str = Field(description="At most 64 KiB of it.")
    body_encoding: Literal["utf-8", "base64"]


class Handled(BaseModel):
    """How far a call got."""

    handled: int = Field(description="Dead letters that were replayed or discarded.")
    left: int = Field(
        description="Dead letters that are still there: call again, if it should have been all."
    )


def summary(found: dead_letter.DeadLetter) -> DeadLetter:
    """Return a dead letter as a list shows it."""
    delivery = found.delivery
    return DeadLetter(
        id=found.id,
        reason=found.reason,
        error=found.error,
        attempts=delivery.attempt,
        replays=found.replays,
        dead_lettered_at=_time(found.dead_lettered_at),
        message_id=delivery.message_id,
        correlation_id=delivery.correlation_id,
        trace_id=trace_fields(delivery.headers).get("trace_id"),
        type=delivery.type,
        size=len(delivery.body),
    )


def detail(found: dead_letter.DeadLetter) -> DeadLetterDetail:
    """Return a dead letter with headers and body; a body that is no text is shown in base64."""
    body = found.delivery.body
    start = body[:MAX_BODY_BYTES]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:  # the cut may go through the middle of a character
        text, encoding = decoder.decode(start, final=len(body) <= MAX_BODY_BYTES), "utf-8"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(start).decode(), "base64"
    headers = {name: _text(value) for name, value in found.delivery.headers.items()}
    return DeadLetterDetail(**dict(summary(found)), headers=headers, body=text, body_encoding=encoding)


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # a stranger's header
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
