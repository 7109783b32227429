"""Errors in words, for log lines and dead letters."""

import re

# Bounded on both sides: what is searched may be a stranger's, and must not take quadratic time.
_EMAIL = re.compile(r"[^\s<>'\"@]{1,64}@[^\s<>'\"@]{1,255}")
MAX_LENGTH = 500
LOOKED_AT = 2_000
"""Characters that are looked at: half an address at the end of what is kept must be found, too."""


def describe(error: BaseException) -> str:
    """Return an error's class and message, cut to 500 characters, without email addresses."""
    text = f"{type(error).__qualname__}: {error}".rstrip(": ")[:LOOKED_AT]
    return _EMAIL.sub("[redacted]", text)[:MAX_LENGTH]
