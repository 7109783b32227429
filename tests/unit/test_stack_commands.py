"""`up` starts all or nothing; `down`, `restart` and `status` act on what an earlier `up` has started."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from cli.command import main
from cli.demo import metrics
from cli.demo.command import refuse_silence
from stack import endpoints, processes, state
from stack.errors import StackError
from stack.layout import Layout
from stack.ports import Ports, free_port
from stack.processes import LOAD, MARK, mark_prefix
from stack.progress import progress_on
from stack.up import serving
from tests.promql import selectors
from tests.unit.stack_commands import FakeStack, kill, stack
from tests.unit.stack_fakes import SLEEPER, program, until

__all__ = ["stack"]  # a fixture
BROKEN = "print('no disk'); raise SystemExit(4)"


def test_up_starts_what_is_missing_and_says_where(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second `up` changes nothing, adds components, or starts a crashed one on its old port.

    After a crash of everything, what an old file remembers is not believed.
    """
    assert stack("up", "--any-ports", "--only", "redis,inbox") == 0
    first = stack.running()
    assert list(first) == ["redis", "inbox"]
    written = json.loads(stack.layout.endpoints.read_text())
    assert written["mail"] == f"http://127.0.0.1:{first['inbox'].ports['inbox']}"
    assert f"Inbox  {written['mail']}" in capsys.readouterr().out
    assert stack("up", "--only", "redis") == 0
    assert "Already running" in capsys.readouterr().out
    assert stack.running() == first
    kill(first["inbox"])
    assert stack("up", "--only", "redis,inbox,api") == 0
    second = stack.running()
    assert second.keys() == {"redis", "inbox", "api"}
    assert second["redis"] == first["redis"]
    assert second["inbox"].pid != first["inbox"].pid
    assert second["inbox"].ports == first["inbox"].ports
    for process in second.values():
        kill(process)
    assert stack("up", "--only", "redis") == 0
    assert "has ended by itself" in capsys.readouterr().out
    assert list(stack.running()) == ["redis"]


def test_up_that_fails_stops_what_it_had_started_and_nothing_else(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the component and its log; nothing of this call is left, what ran before is."""
    stack.put("inbox", BROKEN)
    assert stack("up", "--only", "redis,inbox") == 1
    error = capsys.readouterr().err
    assert "error: inbox ended with status 4" in error
    assert f"{stack.layout.log('inbox')}; it ends with:\n    no disk" in error
    assert not stack.left_over()
    assert not stack.layout.state.exists()
    assert not stack.layout.endpoints.exists()
    stack("up", "--only", "redis")
    before = stack.running()
    assert stack("up", "--only", "inbox") == 1
    assert stack.running() == before != {}
    assert stack.layout.endpoints.exists()


def test_a_stack_serves_for_a_block_or_goes_on_when_it_ran_before(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when the block fails; the demo says which of both is the case."""
    stack.monkeypatch.setattr("stack.up.select", lambda _: ["redis"])
    stack.monkeypatch.setattr("cli.demo.command._demonstrate", lambda *_: None)
    stack.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    stack.monkeypatch.setattr("cli.demo.command.time", Mock(sleep=Mock(side_effect=KeyboardInterrupt)))
    for before, says in (([], "stops everything\n"), (["redis"], "the stack ran before, and goes on\n")):
        with pytest.raises(KeyError), serving(stack.layout, progress_on()):
            raise KeyError(*stack.running())
        assert list(stack.running()) == before
        assert stack("demo") == 0
        assert says in capsys.readouterr().out
        assert list(stack.running()) == before
        stack("up")


def test_an_interrupted_up_leaves_nothing(stack: FakeStack) -> None:
    """SIGTERM in the middle ends it with all that it has started."""

    def interrupts() -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return False

    stack.put("inbox", SLEEPER, interrupts)
    assert stack("up", "--only", "redis,inbox") == 130
    assert not stack.left_over()
    assert not stack.layout.state.exists()


def test_an_unknown_component_is_an_error(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is started for a typing mistake; the message lists what there is."""
    assert stack("up", "--only", "redis,reddis") == 1
    assert "error: no component is called reddis; there are epmd, rabbitmq" in capsys.readouterr().err


def test_down_stops_everything_and_keeps_data_unless_asked_to_purge(stack: FakeStack) -> None:
    """What was stored is there for the next start; nothing to stop is no error, and leaves no trace."""
    assert stack("down") == 0
    assert not stack.layout.run_dir.exists()
    stack("up", "--only", "redis,api")
    (stack.layout.data("redis") / "orders").write_text("1")
    assert stack("down") == 0
    assert not stack.left_over()
    assert not stack.layout.endpoints.exists()
    assert (stack.layout.data("redis") / "orders").exists()
    stack("up", "--only", "redis")
    assert stack("down", "--purge") == 0
    assert not stack.left_over()
    assert [path.name for path in stack.layout.run_dir.iterdir()] == ["stack.lock"]


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


def test_restart_gives_a_component_its_port_again(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it still runs or was killed; what was never started has no port."""
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
    assert stack("restart", "api") == 1
    assert "api is not part of what was started" in capsys.readouterr().err


def test_status_says_what_runs_and_how_it_is(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for all, 1 when something has crashed or does not answer, 3 for nothing; for people or as JSON."""
    assert stack("status") == 3
    stack("up", "--only", "redis,inbox")
    redis, inbox = stack.running()["redis"], stack.running()["inbox"]
    capsys.readouterr()
    assert stack("status", "--json") == 0
    row, _ = json.loads(capsys.readouterr().out)
    assert (row["name"], row["health"], row["pid"]) == ("redis", "ready", redis.pid)
    assert 0 <= row["uptime"] < 60  # seconds
    assert row["memory"] > 1_000_000  # bytes
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


@pytest.mark.parametrize("text", ["", "[]", '{"processes": []}', '{"processes": [{"name": 1}], "ports": {}}'])
def test_a_state_that_is_not_ours_is_a_clear_error(tmp_path: Path, text: str) -> None:
    """It says which file, and what to do."""
    layout = Layout(tmp_path)
    layout.state.write_text(text)
    with pytest.raises(StackError, match=r"stack\.json cannot be understood .* remove it"):
        state.load(layout)


def test_programs_get_exactly_the_agreed_addresses() -> None:
    """Base URLs without a slash at the end; credentials where clients need them."""
    assert endpoints.endpoints(Ports(redis=7777)) == {
        "api": "http://127.0.0.1:8000",
        "prometheus": "http://127.0.0.1:9090",
        "alertmanager": "http://127.0.0.1:9093",
        "amqp": "amqp://orderscope:orderscope@127.0.0.1:5672/",
        "rabbitmq_metrics": "http://127.0.0.1:15692",
        "rabbitmq_management": "http://127.0.0.1:15672",
        "redis": "redis://127.0.0.1:7777/0",
        "traces": "http://127.0.0.1:16686",
        "otlp": "http://127.0.0.1:4318",
        "mail": "http://127.0.0.1:8025",
    }


def test_people_get_what_can_be_opened_of_what_runs(tmp_path: Path) -> None:
    """With the user for RabbitMQ's pages, and where the logs are."""
    lines = endpoints.table(
        Layout(tmp_path), Ports(), ["api", "rabbitmq", "worker", "jaeger", "loki", "grafana"]
    )
    assert [line.split()[:2] for line in lines] == [
        ["API", "http://127.0.0.1:8000/docs"],
        ["Grafana", "http://127.0.0.1:3000"],
        ["Jaeger", "http://127.0.0.1:16686"],
        ["Loki", "http://127.0.0.1:3100"],
        ["RabbitMQ", "http://127.0.0.1:15672"],
        ["Logs", str(tmp_path / "logs")],
    ]
    assert "user orderscope, password orderscope" in lines[4]


def test_a_demonstration_of_nothing_is_refused() -> None:
    """Before anything is started, and by the name of the setting; other settings are nobody's business."""
    refuse_silence({"TELEMETRY": "on", "LOG_LEVEL": "DEBUG", "LANG": "C"})
    for name, value in (("TELEMETRY", "off"), ("LOG_LEVEL", "ERROR")):
        with pytest.raises(StackError, match=f"{name}={value}"):
            refuse_silence({name: value})


def test_the_demo_counts_accepted_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """No refused requests; and of requests no series of a process that is gone."""
    get = Mock(return_value={"data": {"result": [{"metric": {}, "value": [0, "7"]}]}})
    monkeypatch.setattr("cli.demo.metrics.get", get)
    monkeypatch.setattr("time.time", lambda: 5)
    metrics.table(endpoints.endpoints(Ports()))
    asked = [call.kwargs["query"] for call in get.call_args_list]
    assert 'orders_accepted_total{instance="127.0.0.1:8000",outcome="new"}' in asked
    requests = {one for query in asked for one in selectors(query) if one.startswith("http_server")}
    assert [f"({one} and timestamp({one}) > 5)" in " ".join(asked) for one in requests] == [True] * 3


@pytest.mark.parametrize("runs", ["", "redis"])
def test_only_what_reads_asks_an_address_that_was_guessed(
    stack: FakeStack, runs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What changes something may change it for a stranger; an api that does not run is not meant either."""
    guessed = f"http://127.0.0.1:{free_port()}"
    stack.monkeypatch.setattr("stack.operators.COMPOSE_API", guessed)
    if runs:
        stack("up", "--only", runs, "--any-ports")
    for line in ("scenario on smtp-down", "scenario off", "dead-letters replay worker --all"):
        assert stack(*line.split()) == 2
        assert f"no native api runs in {stack.layout.run_dir}: say by --api" in capsys.readouterr().err
    failure = f": asking {guessed}\nerror: no answer from the api at {guessed}: [Errno 111] Connection"
    for line in ("scenario", "dead-letters", "dead-letters show worker 1 --json"):
        assert stack(*line.split()) == 1
        assert failure in capsys.readouterr().err


@pytest.mark.parametrize("command", ["scenario", "dead-letters"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:abc", "http://[::1", "http://", "nowhere", "http://a..b"]
)
def test_an_address_that_is_none_is_an_error_in_one_line(
    command: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than a traceback."""
    assert main([command, "--run-dir", str(tmp_path), "--api", address]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: no answer from the api at {address.rstrip('/')}: ")
    assert error.count("\n") == 1


def test_the_command_line_can_be_asked_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what each command does."""
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    for expected in ("up Start", "down Stop", "status Show", "restart Start", "bench Measure"):
        assert expected.split() in shown
