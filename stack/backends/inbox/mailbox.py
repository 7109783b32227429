"""The emails that are kept: the latest ones, in bounded memory."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message
from email.utils import getaddresses

from aiosmtpd.smtp import SMTP, Envelope, Session

TERM = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
OVERHEAD_BYTES = 2_000


class Mail:
    """An email, decoded, with bytes replaced that cannot be; a charset that nobody knows is a LookupError."""

    def __init__(self, source: bytes) -> None:
        """Parse the source."""
        message = message_from_bytes(source)
        self.id = secrets.token_urlsafe(16)
        self.received = datetime.now(UTC)
        raw = {name.lower(): _line(value) for name, value in message.raw_items()}
        self.headers = {name: _decoded(value) for name, value in raw.items()}
        self.people = {name: _people(raw.get(name, "")) for name in ("from", "to")}
        self.text, self.html = _text(message, "text/plain"), _text(message, "text/html")
        self.size = len(source) + len(self.text) + len(self.html) + OVERHEAD_BYTES

    def matches(self, query: str) -> bool:
        """Whether the email has all words of a query; those after `to:`, `from:` or `subject:` there."""
        return all(self._has(term.replace('"', "").lower()) for term in TERM.findall(query))

    def _has(self, term: str) -> bool:
        places = {name: self.headers.get(name, "") for name in ("to", "from", "subject")}
        name, _, words = term.partition(":")
        if name in places:
            return words in places[name].lower()
        return any(term in text.lower() for text in (*places.values(), self.text, self.html))


@dataclass(slots=True)
class Mailbox:
    """The latest emails by id, the oldest first; a handler of aiosmtpd."""

    max_bytes: int = 128 * 2**20
    size: int = 0
    mails: dict[str, Mail] = field(default_factory=dict)

    def add(self, mail: Mail) -> None:
        """Keep an email; the oldest make room for it."""
        self.mails[mail.id] = mail
        self.size += mail.size
        while self.size > self.max_bytes:
            self.size -= self.mails.pop(next(iter(self.mails))).size

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep an email before its sender hears so; of one in an unknown charset, aiosmtpd says why."""
        self.add(Mail(envelope.original_content or b""))
        return "250 2.0.0 OK"

    def search(self, query: str) -> list[Mail]:
        """Return the emails that match a query, the newest first; an empty query matches all."""
        return [mail for mail in reversed(self.mails.values()) if mail.matches(query)]


def _line(header: str) -> str:
    """Return a header on one line; bytes beyond ASCII are UTF-8 (RFC 6532), or replaced."""
    return " ".join(header.encode(errors="surrogateescape").decode(errors="replace").split())


def _decoded(line: str) -> str:
    """Return a header's text; an encoded word in which nothing can be read stays as it is."""
    header = Header()
    try:
        for part, charset in decode_header(line):
            header.append(part, charset, errors="replace")
    except (HeaderParseError, LookupError):
        return line
    return str(header)


def _people(line: str) -> list[dict[str, str]]:
    return [{"Name": _decoded(name), "Address": address} for name, address in getaddresses([line])]


def _text(message: Message, kind: str) -> str:
    parts = (part for part in message.walk() if part.get_content_type() == kind)
    contents = ((part.get_payload(decode=True), part.get_content_charset("utf-8")) for part in parts)
    return "\n".join(one.decode(charset, "replace") for one, charset in contents if isinstance(one, bytes))
