"""The mails that are kept: the latest ones, within bounds."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from stack.backends.inbox.mail import Mail

# What a mail occupies beside source and search text, as tracemalloc measures it on CPython 3.11 (bytes).
_OVERHEAD = 2_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept; the oldest mail goes first."""

    max_messages: int = 20_000
    max_bytes: int = 128 * 2**20


class Mailbox:
    """The latest mails in bounded memory. Not for threads: everything happens on one event loop."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self._limits = limits
        self._mails: OrderedDict[str, Mail] = OrderedDict()
        self._unread: set[str] = set()
        self._size = 0

    @property
    def size(self) -> int:
        """The bytes it occupies, about."""
        return self._size

    def add(self, mail: Mail) -> None:
        """Keep a mail, evicting the oldest ones for it."""
        self._mails[mail.id] = mail
        self._unread.add(mail.id)
        self._size += _size(mail)
        while len(self._mails) > self._limits.max_messages or self._size > self._limits.max_bytes:
            self.delete([next(iter(self._mails))])

    def newest_first(self) -> list[Mail]:
        """Return all mails, the one that came last before the others."""
        return list(reversed(self._mails.values()))

    def get(self, mail_id: str) -> Mail | None:
        """Return a mail, or None when it is unknown or gone."""
        return self._mails.get(mail_id)

    def is_read(self, mail: Mail) -> bool:
        """Say whether somebody has opened a mail."""
        return mail.id not in self._unread

    def mark_read(self, mail: Mail) -> None:
        """Note that somebody opened a mail."""
        self._unread.discard(mail.id)

    def delete(self, mail_ids: Iterable[str]) -> None:
        """Forget mails; unknown ids do no harm."""
        for mail_id in mail_ids:
            mail = self._mails.pop(mail_id, None)
            if mail is not None:
                self._unread.discard(mail_id)
                self._size -= _size(mail)

    def clear(self) -> None:
        """Forget all mails."""
        self.delete(list(self._mails))


def _size(mail: Mail) -> int:
    return len(mail.source) + len(mail.search_text) + _OVERHEAD
