"""Errors in log lines."""


def describe(error: BaseException) -> str:
    """Return an error's class and message; some libraries' `repr` has neither, some messages are empty."""
    return f"{type(error).__qualname__}: {error}".rstrip(": ")
