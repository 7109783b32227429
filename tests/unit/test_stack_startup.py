"""Components start together, in the order they need, and what goes wrong is said at once."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stack import processes, startup
from stack.errors import StackError
from stack.processes import Process
from stack.progress import Progress
from stack.spec import Spec
from tests.unit.stack_fakes import SLEEPER, program


class Starts:
    """Starts components, and remembers what was started and said."""

    def __init__(self, run_dir: Path) -> None:
        """Begin with nothing."""
        self.run_dir, self.begun, self.stream = run_dir, list[Process](), io.StringIO()

    def __call__(self, *specs: Spec) -> None:
        """Start components and wait until they are ready."""
        startup.start_all(specs, self.run_dir, Progress(self.stream), self.begun.append)

    def names(self) -> list[str]:
        """Return what was started, in its order."""
        return [process.name for process in self.begun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starts]:
    """Return a way to start components, which are ended with the test."""
    found = Starts(tmp_path)
    yield found
    processes.stop_all(found.begun, kill=True)


def test_a_component_starts_when_what_it_needs_is_ready(start: Starts, tmp_path: Path) -> None:
    """The broker needs its port mapper; others do not wait, nor does who finds one of an earlier start."""
    start(
        replace(program(tmp_path, SLEEPER, name="broker"), after=("mapper",)),
        program(tmp_path, SLEEPER, name="mapper", ready=lambda: len(start.begun) == 2),
        program(tmp_path, SLEEPER, name="store"),
    )
    assert start.names() == ["mapper", "store", "broker"]
    start(replace(program(tmp_path, SLEEPER), after=("mapper",)))
    assert start.names()[3:] == ["fake"]


def test_progress_says_what_is_waited_for_and_what_is_ready_where(
    start: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long start is not a silent one; each component gets a line with its pid and its ports."""
    monkeypatch.setattr(startup, "REMIND_SECONDS", 0.0)
    spec = program(tmp_path, SLEEPER, ready=lambda: "waiting for fake" in start.stream.getvalue())
    start(replace(spec, ports={"http": 8000}))
    assert f"ready pid {start.begun[0].pid}, http 8000" in start.stream.getvalue()


def test_a_death_during_the_start_is_reported_at_once(start: Starts, tmp_path: Path) -> None:
    """With the status, the log's name and its end, and nothing of what was said at an earlier start."""
    begun = time.monotonic()
    for text in ("yesterday", "today"):
        code = f"print('old news'); print('{text}'); raise SystemExit(3)"
        with pytest.raises(StackError) as error:
            start(program(tmp_path, code, ready=lambda: False))
    assert time.monotonic() - begun < 10
    assert "fake ended with status 3" in str(error.value)
    assert str(tmp_path / "logs" / "fake.log") in str(error.value)
    assert str(error.value).endswith("old news\n    today")
    assert "yesterday" not in str(error.value)


def test_what_is_never_ready_is_named_at_the_deadline(start: Starts, tmp_path: Path) -> None:
    """Every wait ends, and the message has the log; the others are known."""
    good = program(tmp_path, SLEEPER, name="good")
    spec = replace(program(tmp_path, SLEEPER, ready=lambda: False), start_timeout=0.3)
    with pytest.raises(StackError, match=r"(?s)fake was not ready within 0 s.*fake\.log.*here"):
        start(good, spec)
    assert start.names() == ["good", "fake"]
