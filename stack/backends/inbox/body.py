"""What a mail says: its texts and its attachments."""

from dataclasses import dataclass
from email.message import Message

from stack.backends.inbox.headers import as_utf8, decode_text, header
from stack.backends.inbox.html_text import html_text
from stack.backends.inbox.mime import decoded, leaves

# Searching and previewing look no further (characters).
_MAX_WORDS = 100_000


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is no text to read; the size is in bytes."""

    part_id: str
    file_name: str
    content_type: str
    content_id: str
    size: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Body:
    """The texts of a mail, and what came with them."""

    text: str
    html: str
    attachments: tuple[Attachment, ...]

    @property
    def words(self) -> str:
        """What a reader sees, on one line: the HTML without its tags, or else the text."""
        return " ".join((html_text(self.html[:_MAX_WORDS]) or self.text[:_MAX_WORDS]).split())


def read_body(message: Message) -> Body:
    """Sort the parts of a mail."""
    texts: dict[str, list[str]] = {"plain": [], "html": []}
    attachments: list[Attachment] = []
    for number, part in enumerate(leaves(message), 1):
        if _is_attachment(part):
            attachments.append(_attachment(part, number))
        else:
            kind = "html" if part.get_content_subtype() == "html" else "plain"
            texts[kind].append(decode_text(decoded(part), _charset(part)))
    return Body("\n".join(texts["plain"]), "\n".join(texts["html"]), tuple(attachments))


def _is_attachment(part: Message) -> bool:
    # A multipart or message among the leaves is one that could not be taken apart: its text is all there is.
    readable = part.get_content_maintype() in ("text", "multipart", "message")
    return not readable or part.get_content_disposition() == "attachment" or bool(_file_name(part))


def _attachment(part: Message, number: int) -> Attachment:
    return Attachment(
        part_id=str(number),
        file_name=_file_name(part),
        content_type=as_utf8(part.get_content_type()),
        content_id=header(part, "Content-ID").strip("<> "),
        size=len(decoded(part)),
        inline=part.get_content_disposition() == "inline",
    )


def _file_name(part: Message) -> str:
    try:
        return as_utf8(part.get_filename(""))
    except ValueError:  # a parameter with an absurd number, or characters that are none
        return ""


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except ValueError:  # likewise
        return None
