"""Keeping secrets and personal data out of log lines."""

import re
from functools import lru_cache

from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"
MAX_LENGTH = 4_000
"""Characters of one value; longer ones are cut."""

_HARMLESS = frozenset((int, float, bool))
"""Values that hide nothing."""
_SECRET_KEY = re.compile(
    r"(?i)(^|_)(password|passwd|secret|token|authorization|api_key|cookie|email|recipient)($|_)"
)
_EMAIL = re.compile(r"[^\s\"'<>:,;@]{1,64}@[^\s\"'<>:,;@/]{1,255}")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace values of telling names, and emails and credentials inside any value; cut what is too long."""
    return {
        key: value if type(value) in _HARMLESS and not _is_secret(key) else _redacted(key, value)
        for key, value in event.items()
    }


@lru_cache(maxsize=1024)  # names of fields are few; the bound is for dicts whose keys come from data
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _redacted(key: str, value: object) -> object:
    if _is_secret(key):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {k: _redacted(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", item) for item in value]
    return value


def redact_text(text: str) -> str:
    """Return a text without emails and URL credentials, at most 4,000 characters long."""
    if "@" in text:
        text = _EMAIL.sub(REDACTED, _CREDENTIALS.sub(f"{REDACTED}@", text))
    # Cut last: half a secret would no longer look like one.
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"
