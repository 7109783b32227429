"""Missing servers are installed, none is started or enabled by that, and what cannot be done is said."""

import io
import os
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from stack import install, programs
from stack.errors import StackError
from stack.layout import Layout
from stack.programs import Program
from stack.progress import Progress
from tests.unit.stack_fakes import Terminal, executable

SERVER = Program("Server", "the-server", "server-package", "keeps things")
BY_HAND = "apt-get update && apt-get install --no-install-recommends server-package"
TOOLS = ("sh", "sed", "sort", "grep", "timeout", "rm", "chmod", "cat", "env", "touch")
# A package manager that installs the package by writing the program, and notes what it was asked for.
APT_GET = """
    echo "apt-get $*" >>"$FAKE/asked"
    case "$*" in
    *update) touch "$FAKE/lists" ;;
    *install*)
        [ -e "$FAKE/lists" ] || { echo "E: 404 Not Found"; exit 100; }
        cat "$POLICY_RC_D" >>"$FAKE/policy-at-install" 2>/dev/null
        [ ! -e "$FAKE/broken" ] || { echo "E: no space left"; exit 100; }
        echo "Setting up server-package"
        printf '#!/bin/sh\\n' >"$FAKE/the-server"; chmod 755 "$FAKE/the-server" ;;
    esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all the PATH there is: a Debian machine, run by root, without the server."""
    folder = tmp_path / "bin"
    executable(folder / "apt-get", APT_GET)
    executable(folder / "apt-cache", '[ -e "$FAKE/lists" ]')
    executable(folder / "dpkg-query", "true")
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("POLICY_RC_D", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(programs, "REQUIRED", {"redis": SERVER})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.delenv("STACK_INSTALL", raising=False)
    return folder


def ensure(tmp_path: Path) -> None:
    """Install what Redis needs."""
    install.ensure(["redis", "worker"], Layout(tmp_path / "run"), Progress(io.StringIO()))


def asked(machine: Path) -> str:
    """Return what the package manager was asked for."""
    file = machine / "asked"
    return file.read_text() if file.exists() else ""


def test_what_is_there_is_not_installed(machine: Path, tmp_path: Path) -> None:
    """The package manager is not even asked."""
    executable(machine / "the-server", "")
    ensure(tmp_path)
    assert asked(machine) == ""


@pytest.mark.parametrize("listed", [False, True])
def test_what_is_missing_is_installed(machine: Path, tmp_path: Path, *, listed: bool) -> None:
    """Without recommendations, with a log; an empty list of packages is updated first, a stale one then.

    No service is started: while packages are set up, a policy forbids it (101, invoke-rc.d(8)).
    """
    executable(machine / "apt-cache", "true" if listed else '[ -e "$FAKE/lists" ]')
    ensure(tmp_path)
    lines = asked(machine).splitlines()
    assert [line.split()[-1] for line in lines] == ["server-package", "update", "server-package"][
        not listed :
    ]
    assert lines[-1].endswith("install --no-install-recommends server-package")
    assert "Setting up server-package" in (tmp_path / "run/logs/install.log").read_text()
    assert "exit 101" in (machine / "policy-at-install").read_text()
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_failed_installation_leaves_no_policy(machine: Path, tmp_path: Path) -> None:
    """It would keep every later package from starting its service; the error has the log's end."""
    (machine / "broken").touch()
    with pytest.raises(StackError, match=r"(?s)failed with status 100.*install\.log.*no space left"):
        ensure(tmp_path)
    assert not (tmp_path / "policy-rc.d").exists()


def test_an_interrupted_installation_leaves_no_policy(machine: Path, tmp_path: Path) -> None:
    """Ctrl-C reaches the script too."""
    executable(machine / "apt-get", 'kill -TERM "$(cat "$FAKE/pid")"; exec env -u X /bin/sleep 0.1')
    command = 'echo $$ >"$FAKE/pid"; exec sh "$0" 60 server-package'
    result = subprocess.run(["/bin/sh", "-c", command, str(install.SCRIPT)], check=False, timeout=30)  # noqa: S603 - ours
    assert result.returncode == 130
    assert not (tmp_path / "policy-rc.d").exists()


@pytest.mark.parametrize(
    ("policy", "installs", "kept"),
    [
        pytest.param("exit 101\n", True, True, id="forbids already, as in containers"),
        pytest.param("exit 0\n", False, True, id="the administrator's, lets services start"),
        pytest.param(
            "# Made by the orderscope stack for the time of an installation.\nexit 101\n",
            True,
            False,
            id="left by a killed installation",
        ),
    ],
)
def test_a_policy_that_is_there_is_respected(
    machine: Path, tmp_path: Path, policy: str, *, installs: bool, kept: bool
) -> None:
    """Only one of our own is removed; what lets services start is neither changed nor used."""
    file = executable(tmp_path / "policy-rc.d", policy)
    before = file.read_text()
    with nullcontext() if installs else pytest.raises(StackError, match="lets services start"):
        ensure(tmp_path)
    assert (file.read_text() if file.exists() else "") == (before if kept else "")
    assert (machine / "the-server").exists() == installs
    assert bool(asked(machine)) == installs


def sudo(machine: Path, monkeypatch: pytest.MonkeyPatch, *, password: bool) -> None:
    """Have another user than root run this, with a sudo that asks for a password or does not."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    refuse = '[ "$1" = -n ] && exit 1' if password else '[ "$1" = -n ] && shift'
    executable(machine / "sudo", f'echo "sudo $*" >>"$FAKE/asked"; {refuse}; [ "$1" = true ] || exec "$@"')


@pytest.mark.parametrize(
    ("typed", "permission", "installs"),
    [
        ("y\n", "", True),
        ("Yes\n", "", True),
        ("\n", "", False),
        ("no\n", "", False),
        ("", "", False),
        (None, "", True),
        ("", "yes", True),
        (None, "yes", True),
        ("y\n", "no", False),
        (None, "no", False),
    ],
)
@pytest.mark.usefixtures("machine")
def test_nothing_is_installed_against_the_users_will(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str | None,
    permission: str,
    installs: bool,  # noqa: FBT001
) -> None:
    """A terminal is asked unless STACK_INSTALL answers; without a terminal (None: CI) nobody can be asked."""
    monkeypatch.setenv("STACK_INSTALL", permission)
    monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
    shown = io.StringIO()
    with nullcontext() if installs else pytest.raises(StackError, match=BY_HAND):
        install.ensure(["redis"], Layout(tmp_path / "run"), Progress(shown))
    assert (tmp_path / "bin" / "the-server").exists() == installs
    asked_user = "server-package  keeps things\nInstall them?" in shown.getvalue()
    assert asked_user == (typed is not None and not permission)


@pytest.mark.parametrize("typed", ["y\n", None])
@pytest.mark.parametrize("password", [True, False])
def test_sudo_asks_for_its_password_at_a_terminal_only(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str | None, *, password: bool
) -> None:
    """Whoever is not root installs with sudo; where nobody can type (None) the error says what to run."""
    sudo(machine, monkeypatch, password=password)
    monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
    possible = typed is not None or not password
    with (
        nullcontext()
        if possible
        else pytest.raises(StackError, match=f"(?s)sudo needs a password.*{BY_HAND}")
    ):
        ensure(tmp_path)
    assert (machine / "the-server").exists() == possible
    assert asked(machine).startswith("sudo")


def test_who_cannot_install_learns_what_to_do(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without sudo there is a command to copy, without Debian's package manager the names of the programs."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackError, match=BY_HAND):
        ensure(tmp_path)
    (machine / "apt-get").unlink()
    with pytest.raises(StackError, match=r"Not installed: Server\..* the-server on the PATH"):
        ensure(tmp_path)
    monkeypatch.setenv("STACK_INSTALL", "perhaps")
    executable(machine / "apt-get", "exit 1")
    with pytest.raises(StackError, match="STACK_INSTALL is yes or no, not 'perhaps'"):
        ensure(tmp_path)
