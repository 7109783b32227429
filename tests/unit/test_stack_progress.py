"""Progress is plain where nobody looks and lively where somebody does."""

import io

import pytest

from stack.progress import GREEN, columns, progress_on
from tests.unit.stack_fakes import Terminal

CLEAR, PLAIN = "\r\x1b[2K", "[  0.0 s] redis        ready\n"
LIVELY = f"{CLEAR}[  0.0 s] waiting{CLEAR}"


@pytest.mark.parametrize(
    ("stream", "variables", "written"),
    [
        (io.StringIO, {"TERM": "xterm", "NO_COLOR": ""}, PLAIN),
        (Terminal, {"TERM": "dumb", "NO_COLOR": ""}, PLAIN),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "0"}, LIVELY + PLAIN),
        (
            Terminal,
            {"TERM": "xterm", "NO_COLOR": ""},
            LIVELY + PLAIN.replace("ready", "\x1b[32mready\x1b[0m"),
        ),
    ],
)
def test_a_terminal_gets_colours_and_a_line_that_changes(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], variables: dict[str, str], written: str
) -> None:
    """Files and dumb terminals get plain lines; NO_COLOR turns colours off (no-color.org)."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    progress = progress_on(stream())
    progress.transient("waiting")
    progress.say("redis", "ready", GREEN)
    assert isinstance(progress.stream, io.StringIO)
    assert progress.stream.getvalue() == written


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """Nothing is cut, and no line ends in spaces."""
    assert columns([("a", "b"), ("long", "")]) == ["a     b", "long"]
