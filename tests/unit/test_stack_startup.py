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
from tests.unit.stack_fakes import SLEEPER, program


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Return a list for what is started; it is ended with the test."""
    begun = list[Process]()
    yield begun
    processes.stop_all(begun, kill=True)


@pytest.fixture
def progress() -> Progress:
    """Return progress that goes to a string."""
    return Progress(io.StringIO())


def written(progress: Progress) -> str:
    """Return what was written as progress."""
    assert isinstance(progress.stream, io.StringIO)
    return progress.stream.getvalue()


def test_a_component_starts_when_what_it_needs_is_ready(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """The broker needs its port mapper; others do not wait."""
    order = list[str]()
    ready = {"mapper": False}

    def mapper_is_ready() -> bool:
        ready["mapper"] = len(order) == 2  # only once the one that needs nothing has been started too
        return ready["mapper"]

    specs = [
        replace(program(tmp_path, SLEEPER, name="broker"), after=("mapper",)),
        program(tmp_path, SLEEPER, name="mapper", ready=mapper_is_ready),
        program(tmp_path, SLEEPER, name="store"),
    ]

    def note(process: Process) -> None:
        order.append(process.name)
        started.append(process)

    startup.start_all(specs, tmp_path, progress, note)
    assert order == ["mapper", "store", "broker"]


def test_what_runs_already_needs_no_waiting(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """A broker that is started again finds the port mapper of the first start."""
    spec = replace(program(tmp_path, SLEEPER), after=("mapper",))
    startup.start_all([spec], tmp_path, progress, started.append)
    assert [process.name for process in started] == ["fake"]


def test_progress_says_what_is_waited_for_and_what_is_ready_where(
    started: list[Process], progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long start is not a silent one; each component gets a line with its pid and its ports."""
    monkeypatch.setattr(startup, "REMIND_SECONDS", 0.0)
    spec = program(tmp_path, SLEEPER, ready=lambda: "waiting for fake" in written(progress))
    startup.start_all([replace(spec, ports={"http": 8000})], tmp_path, progress, started.append)
    assert f"ready pid {started[0].pid}, http 8000" in written(progress)


def test_a_death_during_the_start_is_reported_at_once(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """With the status, the log's name and its end, and nothing of what was said at an earlier start."""
    begun = time.monotonic()
    for text in ("yesterday", "today"):
        code = f"print('old news'); print('{text}'); raise SystemExit(3)"
        with pytest.raises(StackError) as error:
            startup.start_all(
                [program(tmp_path, code, ready=lambda: False)], tmp_path, progress, started.append
            )
    assert time.monotonic() - begun < 10
    assert "fake ended with status 3" in str(error.value)
    assert str(tmp_path / "logs" / "fake.log") in str(error.value)
    assert str(error.value).endswith("old news\n    today")
    assert "yesterday" not in str(error.value)


def test_what_is_never_ready_is_named_at_the_deadline(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """Every wait ends, and the message has the log; the others are known."""
    good = program(tmp_path, SLEEPER, name="good")
    spec = replace(program(tmp_path, SLEEPER, ready=lambda: False), start_timeout=0.3)
    with pytest.raises(StackError, match=r"(?s)fake was not ready within 0 s.*fake\.log.*here"):
        startup.start_all([good, spec], tmp_path, progress, started.append)
    assert [process.name for process in started] == ["good", "fake"]
