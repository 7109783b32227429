"""What was started is written down so that another process can act on it."""

import json
from pathlib import Path

import pytest

from stack import state
from stack.errors import StackError
from stack.layout import Layout
from stack.ports import Ports
from stack.processes import Process

PROCESS = Process("api", 4_000_000, 1.5, "mark", 25.0, {"http": 8000})  # above any pid


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a run directory that does not exist yet."""
    return Layout(tmp_path / "run")


def test_what_is_saved_is_loaded(layout: Layout) -> None:
    """Ports and processes come back as they were."""
    state.save(layout, Ports(api=8080), [PROCESS])
    assert state.load(layout) == state.State(Ports(api=8080), (PROCESS,))


def test_nothing_was_started_without_a_file(layout: Layout) -> None:
    """A folder that does not exist is no error."""
    assert state.load(layout) is None


def test_a_process_that_has_ended_does_not_run(layout: Layout) -> None:
    """The file remembers it; the kernel knows better."""
    state.save(layout, Ports(), [PROCESS])
    loaded = state.load(layout)
    assert loaded
    assert loaded.running() == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"processes": []}', '{"processes": [{"name": "api"}], "ports": {}}']
)
def test_a_file_that_is_not_ours_is_a_clear_error(layout: Layout, text: str) -> None:
    """It says which file, and what to do."""
    layout.run_dir.mkdir()
    layout.state.write_text(text)
    with pytest.raises(StackError, match=r"stack\.json cannot be understood .* remove it"):
        state.load(layout)


def test_a_forgotten_stack_has_no_files(layout: Layout) -> None:
    """Neither what runs nor where; forgetting twice is no error."""
    state.save(layout, Ports(), [PROCESS])
    layout.endpoints.write_text(json.dumps({}))
    state.forget(layout)
    state.forget(layout)
    assert list(layout.run_dir.iterdir()) == []
