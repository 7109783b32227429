"""Errors in words, for log lines and dead letters."""

import re

# Bounded on both sides: a stranger may have written the text, and it must not take quadratic time.
_EMAIL = re.compile(r"([^\s<>'\"@]{1,64}|\"[^\"]{1,64}\")@[^\s<>'\"@]{1,255}")
MAX_LENGTH = 500
MAX_SEARCHED = 2_000
"""Characters that are searched: an address that begins before the cut must be found, too."""


def describe(error: BaseException) -> str:
    """Return an error's class and message, cut to 500 characters, without email addresses."""
    text = f"{type(error).__qualname__}: {error}".rstrip(": ")[:MAX_SEARCHED]
    return _EMAIL.sub("[redacted]", text)[:MAX_LENGTH]
