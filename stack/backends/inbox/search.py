"""Mailpit's search language, as far as a development inbox needs it.

Words and "quoted phrases" must all be found; ``-`` or ``!`` before one excludes. ``to:``, ``from:``, ``cc:``,
``bcc:``, ``reply-to:``, ``addressed:`` (any of these), ``subject:`` and ``message-id:`` look in one place;
``is:read``, ``is:unread`` and ``has:attachment`` ask for a state. A term without letter or digit is ignored.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from stack.backends.inbox.mail import Address, Mail
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.receive import clean

# A term runs to the next blank outside double quotes; an unclosed quote runs to the end.
_TERM = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')


def search(mailbox: Mailbox, query: str) -> list[Mail]:
    """Return the mails that satisfy every term, newest first."""
    terms = (term.replace('"', "") for term in _TERM.findall(query))
    tests = [_test(mailbox, term) for term in terms if any(map(str.isalnum, term))]
    return [mail for mail in mailbox.newest_first() if all(test(mail) for test in tests)]


def _test(mailbox: Mailbox, term: str) -> Callable[[Mail], bool]:
    if len(term) > 1 and term[0] in "-!":
        wanted = _test(mailbox, term[1:])
        return lambda mail: not wanted(mail)
    prefix, _, value = term.lower().partition(":")
    match prefix, value:
        case "is", "read":
            return mailbox.is_read
        case "is", "unread":
            return lambda mail: not mailbox.is_read(mail)
        case "has", "attachment" | "attachments":
            return lambda mail: mail.attachments > 0
    if prefix in _PLACES:
        place, wanted_text = _PLACES[prefix], clean(value)
        return lambda mail: wanted_text in place(mail)
    words = clean(term)
    return lambda mail: words in mail.search_text


def _text(*addresses: Address) -> str:
    return clean(" ".join(f"{address.name} {address.address}" for address in addresses))


_PLACES: Final[Mapping[str, Callable[[Mail], str]]] = {
    "to": lambda mail: _text(*mail.to),
    "from": lambda mail: _text(mail.sender),
    "cc": lambda mail: _text(*mail.cc),
    "bcc": lambda mail: _text(*mail.bcc),
    "reply-to": lambda mail: _text(*mail.reply_to),
    "addressed": lambda mail: _text(mail.sender, *mail.to, *mail.cc, *mail.bcc, *mail.reply_to),
    "subject": lambda mail: clean(mail.subject),
    "message-id": lambda mail: clean(mail.message_id),
}
