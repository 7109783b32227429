"""From the source of a mail to what the inbox keeps of it."""

import secrets
from datetime import UTC, datetime
from email.message import Message

from stack.backends.inbox.body import Body, read_body
from stack.backends.inbox.headers import addresses, header_text, message_id
from stack.backends.inbox.mail import Address, Envelope, Mail
from stack.backends.inbox.mime import parse_mime

_SNIPPET_LENGTH = 250
_SEARCHED = ("From", "Subject", "To", "Cc", "Bcc", "Reply-To", "Return-Path")
# Separators of addresses and sentences are no part of a word that one looks for.
_BLANKS = str.maketrans(dict.fromkeys('<>",;\r\n\t', " "))


def receive(source: bytes, envelope: Envelope) -> Mail:
    """Parse a mail that has just arrived."""
    message = parse_mime(source)
    body = read_body(message)
    to, cc, bcc = (addresses(message, name) for name in ("To", "Cc", "Bcc"))
    return Mail(
        id=secrets.token_urlsafe(16),
        source=source,
        received=datetime.now(UTC),
        return_path=envelope.sender,
        message_id=message_id(message),
        subject=header_text(message, "Subject"),
        sender=_sender(message),
        to=to,
        cc=cc,
        bcc=bcc + _blind_copies(envelope, to + cc + bcc),
        reply_to=addresses(message, "Reply-To"),
        attachments=sum(not attachment.inline for attachment in body.attachments),
        snippet=body.words[:_SNIPPET_LENGTH],
        search_text=_search_text(message, body),
    )


def clean(text: str) -> str:
    """Return text as it is searched: lower-case, single-spaced, without separators."""
    return " ".join(text.translate(_BLANKS).lower().split())


def _sender(message: Message) -> Address:
    """Return the first author; what is no address stands as a name, as in Mailpit."""
    return next(iter(addresses(message, "From")), Address(header_text(message, "From"), ""))


def _blind_copies(envelope: Envelope, named: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return the recipients whom no header names."""
    known = {address.address.lower() for address in named}
    return tuple(Address("", address) for address in envelope.recipients if address.lower() not in known)


def _search_text(message: Message, body: Body) -> str:
    files = [attachment.file_name for attachment in body.attachments]
    return clean(" ".join([*(header_text(message, name) for name in _SEARCHED), body.words, *files]))
