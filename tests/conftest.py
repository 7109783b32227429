"""What holds for all tests: in which order two processes share them, how errors look, what can interrupt."""

import signal

import pytest
import structlog

LONGEST_FIRST = ("chaos", "e2e", "integration")
"""Folders whose files take long: what is left for the end is short, and keeps both processes busy."""
LAST_OF_ITS_FOLDER = "test_telemetry.py"
"""It also looks at what the tests before it set off."""

# By default rich draws every frame with its variables: five seconds for one error of an application.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


# A shell's background job ignores it, and so would every command that a test interrupts as a keyboard does.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[int, bool]:
    folder = item.path.parent.name
    place = LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
    return place, item.path.name == LAST_OF_ITS_FOLDER
