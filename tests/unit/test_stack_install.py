"""Missing servers are installed, none is started or enabled by that, and what cannot be done is said."""

import io
import os
import subprocess
from pathlib import Path

import pytest

from stack import install, programs
from stack.errors import StackError
from stack.layout import Layout
from stack.programs import Program
from stack.progress import Progress
from tests.unit.stack_fakes import executable

SERVER = Program("Server", "the-server", "server-package")
TOOLS = ("sh", "sed", "sort", "grep", "timeout", "rm", "chmod", "cat", "env")
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
        (folder / tool).symlink_to(
            next(p for p in (Path("/usr/bin") / tool, Path("/bin") / tool) if p.exists())
        )
    (folder / "touch").symlink_to("/usr/bin/touch")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("POLICY_RC_D", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(programs, "REQUIRED", {"redis": SERVER})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
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


def test_what_is_missing_is_installed(machine: Path, tmp_path: Path) -> None:
    """The list of packages first when it is empty, nothing that is only recommended, and a log of it all."""
    ensure(tmp_path)
    update, installing = asked(machine).splitlines()
    assert update.endswith("update")
    assert installing.endswith("install --no-install-recommends server-package")
    assert "Setting up server-package" in (tmp_path / "run/logs/install.log").read_text()


def test_a_list_that_is_too_old_is_updated(machine: Path, tmp_path: Path) -> None:
    """It knows the package, and names a file that the mirror no longer has."""
    executable(machine / "apt-cache", "true")
    ensure(tmp_path)
    assert [line.split()[-1] for line in asked(machine).splitlines()] == [
        "server-package",
        "update",
        "server-package",
    ]


def test_no_service_is_started_by_the_installation(machine: Path, tmp_path: Path) -> None:
    """While packages are set up, a policy forbids it (101, invoke-rc.d(8)); afterwards it is gone."""
    ensure(tmp_path)
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


def test_a_policy_that_forbids_already_is_kept(machine: Path, tmp_path: Path) -> None:
    """Containers have one."""
    policy = executable(tmp_path / "policy-rc.d", "exit 101\n")
    before = policy.read_text()
    ensure(tmp_path)
    assert policy.read_text() == before
    assert (machine / "the-server").exists()


def test_a_policy_that_lets_services_start_is_neither_changed_nor_used(machine: Path, tmp_path: Path) -> None:
    """It is the administrator's: the user is told to install by hand."""
    policy = executable(tmp_path / "policy-rc.d", "exit 0\n")
    before = policy.read_text()
    with pytest.raises(StackError, match="lets services start"):
        ensure(tmp_path)
    assert policy.read_text() == before
    assert asked(machine) == ""


def test_a_policy_left_by_a_killed_installation_is_removed(machine: Path, tmp_path: Path) -> None:
    """It is known by its comment."""
    policy = executable(
        tmp_path / "policy-rc.d",
        "# Made by the orderscope stack for the time of an installation.\nexit 101\n",
    )
    ensure(tmp_path)
    assert not policy.exists()
    assert (machine / "the-server").exists()


def test_sudo_is_used_by_who_is_not_root(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a question where it needs no password."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    executable(
        machine / "sudo",
        'echo "sudo $*" >>"$FAKE/asked"; [ "$1" = -n ] && shift; [ "$1" = true ] || exec "$@"',
    )
    ensure(tmp_path)
    first, second, *_ = asked(machine).splitlines()
    assert first == "sudo -n true"
    assert second.startswith("sudo -n sh ")
    assert (machine / "the-server").exists()


@pytest.mark.parametrize("sudo", ["none", "wants a password"])
def test_who_cannot_install_is_told_what_to_install(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sudo: str
) -> None:
    """Exactly, so that it can be copied; nobody is asked for a password where nobody can type one."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    if sudo != "none":
        executable(machine / "sudo", "exit 1")
    with pytest.raises(StackError, match="Server") as error:
        ensure(tmp_path)
    assert "apt-get update && apt-get install --no-install-recommends server-package" in str(error.value)
    assert asked(machine) == ""


def test_other_systems_are_told_which_programs_are_needed(machine: Path, tmp_path: Path) -> None:
    """Without Debian's package manager there is no command to copy."""
    (machine / "apt-get").unlink()
    with pytest.raises(StackError, match=r"Not installed: Server\. .* so that the-server are found"):
        ensure(tmp_path)
