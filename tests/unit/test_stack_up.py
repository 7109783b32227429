"""`up` starts what is missing, all of it or nothing."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stack import state
from stack.components import Plan
from stack.ports import Ports
from stack.spec import Spec
from tests.unit.stack_commands import FakeStack, broken, fake_stack, kill
from tests.unit.stack_fakes import SLEEPER, program


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """Return the command line for a run directory that does not exist yet."""
    with fake_stack(tmp_path / "run dir", monkeypatch) as stack:
        yield stack


def test_up_starts_and_says_where(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Components are ready, addresses are written for programs and printed for people."""
    assert stack("up", "--only", "redis,inbox") == 0
    assert list(stack.running()) == ["redis", "inbox"]
    written = json.loads(stack.layout.endpoints.read_text())
    current = state.load(stack.layout)
    assert current
    assert written["mail"] == f"http://127.0.0.1:{current.ports.inbox}"
    assert f"Inbox  {written['mail']}" in capsys.readouterr().out


def test_up_twice_changes_nothing(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """The second says that all of it runs, and where."""
    stack("up", "--only", "redis")
    before = stack.running()
    capsys.readouterr()
    assert stack("up", "--only", "redis") == 0
    assert stack.running() == before
    assert "Already running" in capsys.readouterr().out


def test_up_starts_what_is_missing_on_its_old_port(stack: FakeStack) -> None:
    """After one component has crashed, the others stay as they are."""
    stack("up", "--only", "redis,inbox")
    before = stack.running()
    kill(before["inbox"])
    assert stack("up", "--only", "redis,inbox") == 0
    after = stack.running()
    assert after["redis"] == before["redis"]
    assert after["inbox"].pid != before["inbox"].pid
    assert after["inbox"].ports == before["inbox"].ports != {}


def test_up_adds_components_to_those_that_run(stack: FakeStack) -> None:
    """A selection can grow."""
    stack("up", "--only", "redis")
    assert stack("up", "--only", "inbox") == 0
    assert list(stack.running()) == ["redis", "inbox"]


def test_up_after_a_crash_of_everything_starts_anew(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an old file remembers is not believed."""
    stack("up", "--only", "redis")
    kill(stack.running()["redis"])
    assert stack("up", "--only", "redis") == 0
    assert "has ended by itself" in capsys.readouterr().out
    assert list(stack.running()) == ["redis"]


def test_up_that_fails_stops_what_it_had_started(
    stack: FakeStack,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The error names the component and its log; no process and no address is left."""
    stack.put("inbox", broken)
    assert stack("up", "--only", "redis,inbox") == 1
    error = capsys.readouterr().err
    assert "error: inbox ended with status 4" in error
    assert f"{stack.layout.log('inbox')}; it ends with:\n    no disk" in error
    assert not stack.left_over()
    assert not stack.layout.state.exists()
    assert not stack.layout.endpoints.exists()


def test_up_that_fails_leaves_what_ran_before(stack: FakeStack) -> None:
    """Only what this call has started is stopped again."""
    stack("up", "--only", "redis")
    before = stack.running()
    stack.put("inbox", broken)
    assert stack("up", "--only", "inbox") == 1
    assert stack.running() == before
    assert stack.layout.endpoints.exists()


def test_an_interrupted_up_leaves_nothing(stack: FakeStack) -> None:
    """SIGTERM in the middle ends it with all that it has started."""

    def interrupts(plan: Plan) -> Spec:
        def ready() -> bool:
            os.kill(os.getpid(), signal.SIGTERM)
            return False

        return program(plan.layout.run_dir, SLEEPER, name="inbox", ready=ready)

    stack.put("inbox", interrupts)
    assert stack("up", "--only", "redis,inbox") == 130
    assert not stack.left_over()
    assert not stack.layout.state.exists()


def test_an_unknown_component_is_an_error(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is started for a typing mistake."""
    assert stack("up", "--only", "reddis") == 1
    assert "error: no component is called reddis" in capsys.readouterr().err


def test_a_port_of_another_is_left_to_them(stack: FakeStack) -> None:
    """A server of the machine goes on; ours is elsewhere."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # a real one is there: just as good
            other.bind(("127.0.0.1", Ports().redis))
            other.listen()
        assert stack("up", "--only", "redis") == 0
        assert stack.running()["redis"].ports["redis"] != Ports().redis
