"""What runs, what it rests on, and what is stopped first."""

from pathlib import Path

import pytest

from stack import components, programs
from stack.components import Plan
from stack.errors import StackError, UsageError
from stack.layout import Layout
from stack.ports import Ports
from stack.processes import Process
from stack.programs import Program
from stack.selection import named, select, stop_order
from tests.unit.stack_fakes import executable


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    return tmp_path


def test_a_complete_stack_has_everything(path: Path) -> None:
    """Servers before services, and our own backends where there are no others."""
    assert path
    assert (
        " ".join(select()) == "epmd rabbitmq redis prometheus alertmanager traces inbox api worker notifier"
    )


def test_what_is_installed_besides_runs_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jaeger takes the place of the trace store; Grafana needs its defaults to start."""
    for name in ("jaeger", "loki", "grafana"):
        executable(path / name, "")
    assert {"jaeger", "loki"} <= set(select())
    assert not {"traces", "grafana"} & set(select())
    (path / "conf").mkdir()
    (path / "conf" / "defaults.ini").write_text("")
    monkeypatch.setenv("GF_PATHS_HOME", str(path))
    assert "grafana" in select()


def test_a_selection_brings_what_it_needs() -> None:
    """A broker needs a port mapper; nothing else is added."""
    assert select(["redis", "rabbitmq"]) == ["epmd", "rabbitmq", "redis"]
    assert select(["worker"]) == ["worker"]


def test_a_list_chooses_by_name() -> None:
    """In the order of what there is, each once; an unknown name, or none, is an error that lists them."""
    known = {"one": 1, "two": 2, "three": 3}
    assert named(" two, one,two ", known, "number") == (1, 2)
    assert named("all", known, "number") == (1, 2, 3)
    for wrong in ("one,four", "all,four"):
        with pytest.raises(UsageError, match="no such number: four; there are all, one, two, three"):
            named(wrong, known, "number")
    for nothing in ("", " , "):
        with pytest.raises(UsageError, match=r"which number\? NAME is all, or some of one, two, three"):
            named(nothing, known, "number")


def test_services_stop_before_their_servers() -> None:
    """They finish their work while the servers are still there; the port mapper goes last."""
    everyone = [Process(name, 1, 1, "", 1) for name in ["epmd", "rabbitmq", "api", "redis", "worker"]]
    order = [[process.name for process in group] for group in stop_order(everyone)]
    assert order == [["api", "worker"], ["rabbitmq", "redis"], ["epmd"]]


def test_the_server_itself_is_preferred_to_a_wrapper_on_the_path(path: Path) -> None:
    """Debian's rabbitmq-server on the PATH changes the user."""
    wrapper = executable(path / "server", "")
    program = Program("Server", "server", "package", "serves", known=("usr/lib/*/server",))
    assert programs.find(program, path) == wrapper
    server = executable(path / "usr/lib/x/server", "")
    assert programs.find(program, path) == server


@pytest.mark.parametrize("name", ["redis", "jaeger", "loki", "grafana"])
def test_what_is_not_installed_is_an_error_when_it_is_asked_for(path: Path, name: str) -> None:
    """A complete stack does without the optional ones; a selection that names one does not."""
    with pytest.raises(StackError, match=f"there is no {name}.* on the PATH"):
        components.spec(Plan(Layout(path), Ports(), {}), name)
