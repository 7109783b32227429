"""Saying what happens while it happens: lines with the seconds that have passed."""

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

GREEN, YELLOW, RED, DIM = "32", "33", "31", "2"
CLEAR_LINE = "\r\x1b[2K"


@dataclass(frozen=True, slots=True)
class Progress:
    """Writes progress; in colour and with a line that changes at a terminal, plainly elsewhere."""

    stream: TextIO
    terminal: bool = False
    colour: bool = False
    started: float = field(default_factory=time.monotonic)

    def say(self, name: str, text: str, colour: str = "") -> None:
        """Write a line about a component."""
        self.write(f"[{self.elapsed():5.1f} s] {name:<12} {self.paint(text, colour)}")

    def write(self, text: str = "") -> None:
        """Write a line as it is."""
        self.stream.write(f"{CLEAR_LINE if self.terminal else ''}{text}\n")
        self.stream.flush()

    def transient(self, text: str) -> None:
        """Show, at a terminal, what is being waited for, until the next line."""
        if self.terminal:
            self.stream.write(f"{CLEAR_LINE}[{self.elapsed():5.1f} s] {text}")
            self.stream.flush()

    def elapsed(self) -> float:
        """Return the seconds since this began."""
        return time.monotonic() - self.started

    def paint(self, text: str, colour: str) -> str:
        """Return text in an ANSI colour, where colours are wanted."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colour and colour else text


def progress_on(stream: TextIO | None = None) -> Progress:
    """Return progress for a stream (by default standard output); NO_COLOR is honoured (no-color.org)."""
    out = stream or sys.stdout
    terminal = out.isatty() and os.environ.get("TERM") != "dumb"
    return Progress(out, terminal=terminal, colour=terminal and not os.environ.get("NO_COLOR"))


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows of a table as lines, each column as wide as its widest entry."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
