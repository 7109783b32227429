"""Reading headers of any quality: what cannot be decoded is shown as it came."""

import codecs
import re
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from stack.backends.inbox.mail import Address

# Encodings of domain names, not of text, and quadratic.
_SLOW_CODECS = ("idna", "punycode")
_FOLD = re.compile(r"\r?\n[ \t]*")


def raw_headers(message: Message) -> list[tuple[str, str]]:
    """Return all headers in order, each on one line; bytes beyond ASCII are read as UTF-8 (RFC 6532)."""
    return [(as_utf8(name), _unfolded(value)) for name, value in message.raw_items()]


def header(message: Message, name: str) -> str:
    """Return a header's first value, not decoded; empty when it is missing."""
    wanted = name.lower()
    return next((_unfolded(value) for key, value in message.raw_items() if key.lower() == wanted), "")


def header_text(message: Message, name: str) -> str:
    """Return a header's text, its encoded words (RFC 2047) decoded."""
    return _decode_words(header(message, name))


def addresses(message: Message, name: str) -> tuple[Address, ...]:
    """Return the addresses in a header; what is none is left out."""
    try:
        pairs = getaddresses([header(message, name)])
    except (RecursionError, IndexError):
        return ()
    return tuple(Address(_decode_words(name), address) for name, address in pairs if address)


def message_id(message: Message) -> str:
    """Return the Message-ID without its angle brackets."""
    return header(message, "Message-ID").strip().strip("<>")


def date(message: Message) -> datetime | None:
    """Return the moment in the Date header, if it is one."""
    try:
        moment = parsedate_to_datetime(header(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def decode_text(content: bytes, charset: str | None) -> str:
    """Decode text by its charset, or by the best guess where that is missing, unknown or wrong."""
    try:
        codec = codecs.lookup(charset or "utf-8").name
        return as_utf8(content.decode("utf-8" if codec in _SLOW_CODECS else codec, "replace"))
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def as_utf8(text: str) -> str:
    """Return text whose bytes beyond ASCII, which the parser escapes, are read as UTF-8.

    Raises:
        UnicodeEncodeError: the text has surrogates that stand for no byte.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decode_words(text: str) -> str:
    try:
        chunks = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(
        chunk if isinstance(chunk, str) else decode_text(chunk, charset or "raw-unicode-escape")
        for chunk, charset in chunks
    )


def _unfolded(value: object) -> str:
    return _FOLD.sub(" ", as_utf8(str(value))).strip()
