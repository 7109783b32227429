"""What operators are shown of dead letters."""

import base64
import codecs
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.convertors import StringConvertor, register_url_convertor

from services.common.messaging.dead_letter import DeadLetter

MAX_SHOWN_BYTES = 64 * 1024
LETTER_ID = "[0-9a-f]{32}"
LetterId = Annotated[str, Path(pattern=f"^{LETTER_ID}$", description="As a list of letters tells it.")]


class _LetterConvertor(StringConvertor):
    """Keeps `/{letter_id:letter}` from taking `/replay` for a letter's id."""

    regex = LETTER_ID


register_url_convertor("letter", _LetterConvertor())


class LetterQueue(BaseModel):
    """A dead-letter queue."""

    queue: str
    count: int = Field(description="How many letters lie in it.")


class LetterQueues(BaseModel):
    """All dead-letter queues."""

    items: list[LetterQueue]


class Letter(BaseModel):
    """Why and when a message was set aside, and under which ids it is found elsewhere."""

    id: str
    reason: str = Field(description="One word.", examples=["schema_violation"])
    error: str = Field(description="The error's class and text, free of personal data.")
    attempts: int = Field(description="How often it was processed before it was set aside.")
    replays: int = Field(description="How often it has been replayed.")
    dead_lettered_at: str | None = Field(description="RFC 3339 time, UTC.")
    message_id: str | None
    correlation_id: str | None
    trace_id: str | None
    type: str | None = Field(examples=["order.created.v1"])
    size: int = Field(description="Of the body, in bytes.")


class LetterPage(BaseModel):
    """Some of the letters in a queue, the oldest first."""

    queue: str
    count: int = Field(description="How many letters lie in it in all.")
    items: list[Letter]


class WholeLetter(Letter):
    """A letter with its contents, which may be personal."""

    headers: dict[str, str]
    body: str = Field(description="At most 64 KiB of it.")
    body_encoding: Literal["utf-8", "base64"]


class Handled(BaseModel):
    """How far a call got."""

    handled: int = Field(description="Letters that were replayed or discarded.")
    left: int = Field(description="Letters that are still there: call again, if it should have been all.")


def letter(found: DeadLetter) -> Letter:
    """Return a letter as a list shows it."""
    return Letter.model_validate(_fields(found))


def whole_letter(found: DeadLetter) -> WholeLetter:
    """Return a letter with headers and body; a body that is no text is shown in base64."""
    start = found.body[:MAX_SHOWN_BYTES]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:  # the cut may go through the middle of a character
        body, encoding = decoder.decode(start, final=len(found.body) <= MAX_SHOWN_BYTES), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(start).decode(), "base64"
    headers = {name: _text(value) for name, value in found.headers.items()}
    return WholeLetter.model_validate(
        {**_fields(found), "headers": headers, "body": body, "body_encoding": encoding}
    )


def _fields(found: DeadLetter) -> Mapping[str, object]:
    at = found.dead_lettered_at
    return {
        "id": found.id,
        "reason": found.reason,
        "error": found.error,
        "attempts": found.attempts,
        "replays": found.replays,
        "dead_lettered_at": None if at is None else _time(at),
        "message_id": found.message_id,
        "correlation_id": found.correlation_id,
        "trace_id": found.trace_id,
        "type": found.type,
        "size": len(found.body),
    }


def _time(milliseconds: int) -> str | None:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # a stranger's header
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
