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
from stack.progress import YELLOW, Progress
from stack.startup import tail

SCRIPT = ROOT / "stack" / "install_packages.sh"
TIMEOUT_SECONDS = 900
SHOWN = ("Get:", "Unpacking ", "Setting up ", "install:")


def ensure(names: Iterable[str], layout: Layout, progress: Progress) -> None:
    """Install the programs that components need and this machine does not have.

    Raises:
        StackError: They cannot be installed from here; the message says what to do.
    """
    needed = [program for name, program in programs.REQUIRED.items() if name in set(names)]
    missing = [program for program in needed if programs.find(program) is None]
    if not missing:
        return
    packages = [program.package for program in missing]
    prefix = _as_root() if shutil.which("apt-get") else None
    if prefix is None:
        raise StackError(advice(missing, apt=bool(shutil.which("apt-get"))))
    progress.say("install", f"{' '.join(packages)} (apt-get; a minute or two, once)", YELLOW)
    _run([*prefix, "sh", str(SCRIPT), str(TIMEOUT_SECONDS), *packages], layout.log("install"), progress)
    for program in missing:
        programs.require(program)


def advice(missing: Sequence[Program], *, apt: bool) -> str:
    """Return what the user can do about missing programs."""
    titles = ", ".join(program.title for program in missing)
    if apt:
        packages = " ".join(program.package for program in missing)
        todo = f"    apt-get update && apt-get install --no-install-recommends {packages}"
        return f"Not installed: {titles}. As root, run\n\n{todo}\n\nand then this command again."
    commands = ", ".join(program.command for program in missing)
    return f"Not installed: {titles}. Install them with your system's packages, so that {commands} are found."


def _as_root() -> list[str] | None:
    """Return what makes a command run as root; None when there is nothing."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    silent = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False, timeout=30)  # noqa: S603 - fixed
    if silent.returncode == 0:
        return [sudo, "-n"]
    return [sudo] if sys.stdin.isatty() else None


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
