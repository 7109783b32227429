"""`down`, `restart` and `status` act on what an earlier `up` has started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import processes, state
from stack.layout import ROOT
from stack.ports import Ports
from stack.processes import LOAD, MARK, mark_prefix
from tests.unit.stack_commands import FakeStack, fake_stack, kill
from tests.unit.stack_fakes import SLEEPER, program, until


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """Return the command line for a run directory that does not exist yet."""
    with fake_stack(tmp_path / "run dir", monkeypatch) as stack:
        yield stack


def test_down_stops_everything_and_keeps_data(stack: FakeStack) -> None:
    """What was stored is there for the next start; twice is no error."""
    stack("up", "--only", "redis,api")
    (stack.layout.data("redis") / "orders").write_text("1")
    assert stack("down") == 0
    assert not stack.left_over()
    assert not stack.layout.endpoints.exists()
    assert (stack.layout.data("redis") / "orders").exists()
    assert stack("down") == 0


def test_down_purge_deletes_data_and_logs(stack: FakeStack) -> None:
    """For a start from nothing."""
    stack("up", "--only", "redis")
    assert stack("down", "--purge") == 0
    assert not stack.left_over()
    assert [path.name for path in stack.layout.run_dir.iterdir()] == ["stack.lock"]


def test_down_without_a_run_directory_makes_none(stack: FakeStack) -> None:
    """Nothing to stop is no error, and leaves no trace."""
    assert stack("down") == 0
    assert not stack.layout.run_dir.exists()


@pytest.mark.parametrize("runs", ["nothing", "redis", "no run directory"])
def test_down_ends_a_load_test_that_was_left_behind(stack: FakeStack, runs: str) -> None:
    """Its harness was killed; the stack that it was for may be gone, too, or was another's."""
    if runs == "redis":
        stack("up", "--only", "redis")
    elif runs == "nothing":
        stack.layout.run_dir.mkdir()
    command = [sys.executable, "-c", SLEEPER]
    mark = mark_prefix(stack.layout.run_dir, LOAD)
    left = subprocess.Popen(command, env={**os.environ, MARK: mark})  # noqa: S603 - fixed
    try:
        until(lambda: left.pid in stack.left_over())
        assert stack("down") == 0
        assert left.poll() == -signal.SIGKILL
    finally:
        left.kill()
        left.wait()


def test_restart_gives_a_component_its_port_again(stack: FakeStack) -> None:
    """Whether it still runs or was killed."""
    stack("up", "--only", "redis,inbox")
    first = stack.running()
    assert stack("restart", "inbox") == 0
    second = stack.running()
    kill(second["inbox"])
    assert stack("restart", "inbox") == 0
    third = stack.running()
    assert len({found["inbox"].pid for found in (first, second, third)}) == 3
    assert first["inbox"].ports == third["inbox"].ports != {}
    assert first["redis"] == third["redis"]


def test_restart_of_what_was_never_started_is_an_error(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no ports to be started on."""
    assert stack("restart", "redis") == 1
    assert "redis is not part of what was started" in capsys.readouterr().err


def test_status_says_what_runs_and_how_it_is(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for all, 1 when something has crashed or does not answer, 3 for nothing."""
    assert stack("status") == 3
    stack("up", "--only", "redis,inbox")
    assert stack("status") == 0
    redis, inbox = stack.running()["redis"], stack.running()["inbox"]
    os.kill(inbox.pid, signal.SIGSTOP)
    assert stack("status") == 1
    kill(inbox)
    capsys.readouterr()
    assert stack("status") == 1
    header, first, second, total = capsys.readouterr().out.splitlines()
    assert header.split() == ["COMPONENT", "STATE", "HEALTH", "PID", "UPTIME", "MEMORY", "PORTS"]
    assert first.split()[:4] == ["redis", "running", "ready", str(redis.pid)]
    assert second.split()[:3] == ["inbox", "ended", "-"]
    assert total.endswith("MiB in all")


def test_status_as_json_can_be_read_by_programs(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Uptime in seconds, memory in bytes."""
    stack("up", "--only", "redis")
    capsys.readouterr()
    assert stack("status", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "redis"
    assert row["health"] == "ready"
    assert row["pid"] == stack.running()["redis"].pid
    assert 0 <= row["uptime"] < 60
    assert row["memory"] > 1_000_000


def test_status_shows_what_is_no_component_of_a_stack(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node of a cluster, or a variant of a benchmark: it runs, and nobody can say how it is."""
    node = processes.start(program(stack.layout.run_dir, SLEEPER, name="rabbitmq-1"), stack.layout.run_dir)
    state.save(stack.layout, Ports(), [node])
    assert stack("status") == 1
    _, row, _ = capsys.readouterr().out.splitlines()
    assert row.split()[:4] == ["rabbitmq-1", "running", "unknown", str(node.pid)]
    kill(node)
    assert stack("status") == 3


def test_the_command_line_can_be_asked_for_help() -> None:
    """`python -m stack` is the entry, and says what there is."""
    command = [sys.executable, "-m", "stack", "--help"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 - fixed
    for name in ("up", "down", "status", "restart"):
        assert name in result.stdout
