"""Errors in words, for log lines and dead letters."""

import re

_EMAIL = re.compile(r"[^\s<>'\"]+@[^\s<>'\"]+")
MAX_LENGTH = 500


def describe(error: BaseException) -> str:
    """Return an error's class and message, cut to 500 characters, without email addresses."""
    text = f"{type(error).__qualname__}: {error}".rstrip(": ")
    return _EMAIL.sub("[redacted]", text)[:MAX_LENGTH]
