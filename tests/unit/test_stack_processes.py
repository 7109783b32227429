"""Components are started in the background, known again, and ended with everything they started."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stack import processes
from stack.layout import Layout
from stack.processes import Process
from stack.spec import Spec
from tests.unit.stack_fakes import SLEEPER, STUBBORN, log, program, until, until_it_says

Start = Callable[[Spec], Process]
POLITE = "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(print('bye', flush=True)))\n" + SLEEPER
# A child that leaves the session and the process tree of its parent, as a daemon does.
DAEMON = """
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0: os._exit(0)
        print("daemon", os.getpid(), flush=True)
        time.sleep(60)
    os.wait()
    time.sleep(60)
"""


def runs(pid: int) -> bool:
    """Whether there is a process with this pid."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a way to start components, which are ended with the test."""
    begun = list[Process]()

    def one(spec: Spec) -> Process:
        begun.append(processes.start(spec, tmp_path))
        return begun[-1]

    yield one
    processes.stop_all(begun, kill=True)


def test_a_component_runs_in_a_session_of_its_own_and_writes_to_its_log(start: Start, tmp_path: Path) -> None:
    """Ctrl-C at the terminal does not reach it; output and errors come after those of an earlier start."""
    for text in ("one", "two"):
        process = start(
            program(tmp_path, f"import os; os.write(1, b'{text} '); os.write(2, b'!');" + SLEEPER)
        )
        assert os.getsid(process.pid) == process.pid
        until_it_says(tmp_path, f"{text} !here")
    assert log(tmp_path) == "one !here\ntwo !here\n"


def test_a_log_that_has_grown_too_large_is_set_aside(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs are bounded: one old one is kept."""
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 10)
    old = Layout(tmp_path).log("fake")
    old.parent.mkdir()
    old.write_text("x" * 11)
    start(program(tmp_path, SLEEPER))
    until_it_says(tmp_path, "here")
    assert old.with_suffix(".log.1").read_text() == "x" * 11
    assert "x" not in log(tmp_path)


def test_files_are_written_before_the_start_and_secrets_once(start: Start, tmp_path: Path) -> None:
    """Erlang refuses a cookie that others can read, and a node must keep its own."""
    file, secret = tmp_path / "conf.d" / "a.conf", tmp_path / "home" / ".cookie"
    spec = program(tmp_path, f"print(open({str(file)!r}).read(), open({str(secret)!r}).read())")
    for port in (1, 2):
        start(replace(spec, files={file: f"port = {port}"}, secrets=(secret,)))
        until_it_says(tmp_path, f"port = {port} ")
    until(lambda: log(tmp_path).count(secret.read_text()) == 2)
    assert len(secret.read_text()) == 40
    assert secret.stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("frozen", [False, True])
def test_stopping_asks_first(start: Start, tmp_path: Path, *, frozen: bool) -> None:
    """SIGTERM, so that a component can finish its work; after a SIGSTOP it is woken, so that it can obey."""
    process = start(program(tmp_path, POLITE))
    until_it_says(tmp_path, "here")
    if frozen:
        os.kill(process.pid, signal.SIGSTOP)
    assert processes.stop_all([process]) == []
    assert "bye" in log(tmp_path)
    assert not processes.alive(process)


def test_what_does_not_end_in_time_is_killed_and_nothing_else(start: Start, tmp_path: Path) -> None:
    """The caller learns of it; a component with more time gets it, although its neighbour was killed."""
    slow = "import signal, sys, time\nsignal.signal(15, lambda *_: (time.sleep(0.6), sys.exit()))\n" + SLEEPER
    hasty = start(replace(program(tmp_path, STUBBORN, name="hasty"), stop_timeout=0.1))
    patient = start(program(tmp_path, slow, name="patient"))
    until_it_says(tmp_path, "here", "hasty")
    until_it_says(tmp_path, "here", "patient")
    assert processes.stop_all([hasty, patient]) == ["hasty"]
    assert not processes.alive(hasty)


@pytest.mark.parametrize("crashed", [False, True])
def test_children_that_became_daemons_end_too(start: Start, tmp_path: Path, *, crashed: bool) -> None:
    """They have left session and tree, and are found by their environment; also when the parent is gone."""
    process = start(program(tmp_path, DAEMON))
    until_it_says(tmp_path, "daemon")
    daemon = int(log(tmp_path).split()[1])
    if crashed:
        processes.send(process, signal.SIGKILL)
        until(lambda: not processes.alive(process))
    assert runs(daemon)
    processes.stop(process)
    assert not runs(daemon)


def test_children_without_the_mark_end_too(start: Start, tmp_path: Path) -> None:
    """Redis overwrites its environment; what it forks is known by its session."""
    child = "import subprocess; print(subprocess.Popen(['sleep', '60'], env={}).pid, flush=True); "
    process = start(program(tmp_path, child + SLEEPER))
    until_it_says(tmp_path, "here")
    orphan = int(log(tmp_path).split()[0])
    processes.stop(process)
    assert not runs(orphan)


def test_only_the_very_process_is_stopped(start: Start, tmp_path: Path) -> None:
    """A pid in an old file may be anybody's by now: the start time tells.

    After kill and restart, what is left of the first start is swept up, and nothing of the second.
    """
    spec = program(tmp_path, SLEEPER)
    first, second = start(spec), start(spec)
    processes.stop(replace(second, started=second.started - 10, mark="of another time"))
    processes.stop(first)
    assert processes.alive(second)
    assert not processes.alive(first)


def test_what_was_started_but_not_written_down_is_swept_up(start: Start, tmp_path: Path) -> None:
    """An interrupt can come right after a start: the mark has the name of its component."""
    process = start(program(tmp_path, SLEEPER))
    processes.sweep([processes.mark_prefix(tmp_path, "other")])
    assert processes.alive(process)
    assert processes.marked((process.mark,)) == [process.pid]
    processes.sweep([processes.mark_prefix(tmp_path, "fake")])
    assert not processes.alive(process)
