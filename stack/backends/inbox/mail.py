"""A received mail: its source, and beside it what lists and searches need."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox as a header names it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom the SMTP session named, whatever the headers say."""

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail in the inbox; ``search_text`` is lower-case and single-spaced."""

    id: str
    source: bytes
    received: datetime
    return_path: str
    message_id: str
    subject: str
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    attachments: int
    snippet: str
    search_text: str
