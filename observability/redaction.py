"""Keeping secrets and personal data out of log lines."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"
MAX_LENGTH = 4_000  # characters of one value; longer ones are cut
_SECRET_KEY = re.compile(
    r"(?i)(^|_)(password|passwd|secret|token|authorization|api_key|cookie|email|recipient)($|_)"
)
_EMAIL = re.compile(r"([^\s\"'<>:,;@]{1,64}|\"[^\"]{1,64}\")@[^\s\"'<>:,;@/]{1,255}")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")


def redact(fields: Mapping[Any, object]) -> dict[Any, object]:
    """Replace values of telling names, and emails and credentials inside any value; cut what is too long."""
    return {key: REDACTED if _is_secret(key) else _redacted(value) for key, value in fields.items()}


@lru_cache(maxsize=1024)  # names of fields are few; the bound is for dicts whose keys come from data
def _is_secret(key: object) -> bool:
    return _SECRET_KEY.search(str(key)) is not None


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return redact(value)
    return [_redacted(item) for item in value] if isinstance(value, list | tuple) else value


def redact_text(text: str) -> str:
    """Return a text without emails and URL credentials, at most 4,000 characters long."""
    if "@" in text:
        text = _EMAIL.sub(REDACTED, _CREDENTIALS.sub(f"{REDACTED}@", text))
    # Cut last: half a secret would no longer look like one.
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"
