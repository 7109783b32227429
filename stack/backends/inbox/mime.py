"""Parsing the source of a mail, whatever it is. The standard library's parser is not made for enemies."""

import re
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32

# Parsers of parameters and addresses take quadratic time; no honest header is longer (characters).
_MAX_HEADER_LENGTH = 8_192
# Each line is compared with the boundaries of all multiparts around it; each part is an object.
_BOUNDARY = re.compile(rb"boundary\s*[*=]", re.IGNORECASE)
_MAX_BOUNDARIES = 20
_MAX_PARTS = 2_000
# Nesting without boundaries, and parameters with absurd numbers (RFC 2231).
_UNPARSABLE = (RecursionError, ValueError)


class _ShortHeaders(Compat32):
    """Cuts headers to a length that can be worked on.

    It is the old policy on purpose: the newer ones take 17 times as long and raise for malformed headers.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Split a header into name and value."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MAX_HEADER_LENGTH]


def parse_mime(source: bytes) -> Message:
    """Return the parsed mail; what is nested beyond reason is left in one piece below its headers."""
    policy = _ShortHeaders()
    if len(_BOUNDARY.findall(source)) <= _MAX_BOUNDARIES and source.count(b"\n--") <= _MAX_PARTS:
        try:
            return message_from_bytes(source, policy=policy)
        except _UNPARSABLE:
            pass
    return BytesHeaderParser(policy=policy).parsebytes(source)


def leaves(message: Message) -> list[Message]:
    """Return the parts that have no parts, in order."""
    return [part for part in message.walk() if not part.is_multipart()]


def decoded(part: Message) -> bytes:
    """Return the content of a leaf without its transfer encoding."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
