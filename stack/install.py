"""Installing the servers that this machine lacks, with Debian's package manager."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from stack import programs
from stack.errors import StackError
from stack.layout import ROOT, Layout
from stack.programs import Program
from stack.progress import YELLOW, Progress, columns
from stack.startup import tail

SCRIPT = ROOT / "stack" / "install_packages.sh"
TIMEOUT_SECONDS = 900
SHOWN = ("Get:", "Unpacking ", "Setting up ", "install:")


def ensure(names: Iterable[str], layout: Layout, progress: Progress) -> None:
    """Install the programs that components need and this machine does not have.

    At a terminal it asks first; the environment's STACK_INSTALL=yes or =no answers instead.

    Raises:
        StackError: They cannot or must not be installed from here; the message says what to do by hand.
    """
    if sys.platform != "linux":
        raise StackError("the native stack needs Linux; `make up` runs the same system with Docker")
    needed = [program for name, program in programs.REQUIRED.items() if name in set(names)]
    missing = [program for program in needed if programs.find(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        commands = ", ".join(program.command for program in missing)
        todo = f"Install them with your system's packages, so that there are {commands} on the PATH."
        raise StackError(f"{_titles(missing)}. {todo}")
    _ask(missing, progress)
    packages = [program.package for program in missing]
    progress.say("install", f"{' '.join(packages)} (apt-get; a minute or two, once)", YELLOW)
    command = [*_as_root(missing), "sh", str(SCRIPT), str(TIMEOUT_SECONDS), *packages]
    _run(command, layout.log("install"), progress)
    for program in missing:
        programs.require(program)


def _ask(missing: Sequence[Program], progress: Progress) -> None:
    """Return when installing is permitted, by the environment, the user or the lack of anybody to ask."""
    permission = os.environ.get("STACK_INSTALL", "")
    if permission not in ("", "yes", "no"):
        raise StackError(f"STACK_INSTALL is yes or no, not {permission!r}")
    if permission == "no":
        raise StackError(f"STACK_INSTALL=no. {_advice(missing)}")
    if permission == "yes" or not sys.stdin.isatty():
        return
    how = "with apt-get" if os.geteuid() == 0 else "with sudo apt-get"
    progress.write(f"Some servers are missing. To be installed {how}, with none of their services started:")
    for line in columns([(f"  {program.package}", program.purpose) for program in missing]):
        progress.write(line)
    progress.write("Install them? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StackError(_advice(missing))


def _advice(missing: Sequence[Program]) -> str:
    packages = " ".join(program.package for program in missing)
    todo = f"apt-get update && apt-get install --no-install-recommends {packages}"
    return f"{_titles(missing)}. As root, run\n\n    {todo}\n\nand then this command again."


def _titles(missing: Sequence[Program]) -> str:
    return f"Not installed: {', '.join(program.title for program in missing)}"


def _as_root(missing: Sequence[Program]) -> list[str]:
    """Return what makes a command run as root."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        raise StackError(_advice(missing))
    if sys.stdin.isatty():
        return [sudo]
    probe = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False, timeout=30)  # noqa: S603 - fixed
    if probe.returncode:
        raise StackError(f"sudo needs a password, and there is no terminal to type it at. {_advice(missing)}")
    return [sudo, "-n"]


def _run(command: Sequence[str], log: Path, progress: Progress) -> None:
    """Run the script, showing its steps; all of its output goes to the log. The script has the deadline."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(  # noqa: S603 - our own script
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        for line in process.stdout or ():
            output.write(line)
            if line.startswith(SHOWN):
                progress.transient(line.strip())
    if process.returncode != 0:
        raise StackError(f"the installation failed with status {process.returncode}\n{tail(log)}")
    progress.say("install", "done")
