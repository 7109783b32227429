"""Progress is plain where nobody looks and lively where somebody does."""

import io

import pytest

from stack.progress import GREEN, Progress, columns, progress_on


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_file_gets_plain_lines() -> None:
    """No colours, and nothing that is overwritten."""
    stream = io.StringIO()
    progress = progress_on(stream)
    progress.transient("waiting")
    progress.say("redis", "ready", GREEN)
    assert stream.getvalue() == "[  0.0 s] redis       ready\n"


def test_a_terminal_gets_colours_and_a_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for is shown until the next line overwrites it."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = progress_on(stream)
    progress.transient("waiting")
    progress.say("redis", "ready", GREEN)
    assert (
        stream.getvalue() == "\r\x1b[2K[  0.0 s] waiting\r\x1b[2K[  0.0 s] redis       \x1b[32mready\x1b[0m\n"
    )


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its value, unless it is empty (no-color.org)."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "0")
    assert progress_on(Terminal()).paint("ready", GREEN) == "ready"
    monkeypatch.setenv("NO_COLOR", "")
    assert progress_on(Terminal()).paint("ready", GREEN) != "ready"


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor's shell understands no control sequences."""
    monkeypatch.setenv("TERM", "dumb")
    progress = progress_on(Terminal())
    assert not progress.terminal
    assert not progress.colour


def test_time_goes_on() -> None:
    """Seconds are counted from the beginning."""
    progress = Progress(io.StringIO(), started=Progress(io.StringIO()).started - 61)
    progress.say("redis", "ready")
    assert isinstance(progress.stream, io.StringIO)
    assert progress.stream.getvalue().startswith("[ 61.0 s]")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """Nothing is cut, and no line ends in spaces."""
    assert columns([("a", "b"), ("long", "")]) == ["a     b", "long"]
