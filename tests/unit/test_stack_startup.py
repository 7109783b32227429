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


def test_progress_says_what_is_ready_and_where(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """Each component gets a line with the seconds, its pid and its ports."""
    spec = replace(program(tmp_path, SLEEPER), ports={"http": 8000})
    startup.start_all([spec], tmp_path, progress, started.append)
    assert written(progress).startswith("[  0.")
    assert f"ready pid {started[0].pid}, http 8000" in written(progress)


def test_what_is_waited_for_is_said_now_and_then(
    started: list[Process], progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long start is not a silent one."""
    monkeypatch.setattr(startup, "REMIND_SECONDS", 0.0)
    spec = program(tmp_path, SLEEPER, ready=lambda: "waiting for fake" in written(progress))
    startup.start_all([spec], tmp_path, progress, started.append)


def test_a_death_during_the_start_is_reported_at_once(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """Not at the deadline; with the status, the log's name, and the end of the log."""
    code = "print('old news'); print('port is taken'); raise SystemExit(3)"
    spec = replace(program(tmp_path, code, ready=lambda: False), start_timeout=60)
    begun = time.monotonic()
    with pytest.raises(StackError) as error:
        startup.start_all([spec], tmp_path, progress, started.append)
    assert time.monotonic() - begun < 10
    assert "fake ended with status 3" in str(error.value)
    assert str(tmp_path / "logs" / "fake.log") in str(error.value)
    assert str(error.value).endswith("old news\n    port is taken")


def test_the_log_of_an_earlier_start_is_not_shown(
    started: list[Process], progress: Progress, tmp_path: Path
) -> None:
    """What a component said yesterday does not explain why it fails today."""
    for text in ("yesterday", "today"):
        spec = program(tmp_path, f"print('{text}'); raise SystemExit(1)", ready=lambda: False)
        with pytest.raises(StackError) as error:
            startup.start_all([spec], tmp_path, progress, started.append)
    assert "today" in str(error.value)
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


def test_one_component_can_be_awaited_alone(started: list[Process], tmp_path: Path) -> None:
    """For callers that start a component by themselves."""
    answers = iter([False, False, True])
    starting = startup.begin(program(tmp_path, SLEEPER, ready=lambda: next(answers)), tmp_path)
    started.append(starting.process)
    startup.wait_ready(starting)
    assert next(answers, None) is None
    assert processes.alive(starting.process)
