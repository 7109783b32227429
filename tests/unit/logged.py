"""Configuring logs for one test."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what configuring logs does to the process."""
    root, level, handlers = logging.getLogger(), logging.root.level, logging.root.handlers
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
