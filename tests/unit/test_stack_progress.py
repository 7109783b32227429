"""Progress is plain where nobody looks and lively where somebody does."""

import io

import pytest

from stack.progress import GREEN, columns, progress_on


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


@pytest.mark.parametrize(
    ("variables", "colour"),
    [
        ({"TERM": "xterm", "NO_COLOR": "0"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb", "NO_COLOR": ""}, False),
    ],
)
def test_colours_can_be_turned_off(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, colour: bool
) -> None:
    """Any NO_COLOR but an empty one does so (no-color.org); a dumb terminal understands none."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    progress = progress_on(Terminal())
    assert (progress.paint("ready", GREEN) != "ready") is colour
    assert progress.terminal is (variables["TERM"] == "xterm")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """Nothing is cut, and no line ends in spaces."""
    assert columns([("a", "b"), ("long", "")]) == ["a     b", "long"]
