"""What Linux tells about processes (`man 5 proc`)."""

import os
from collections.abc import Collection
from pathlib import Path

from stack.errors import StackError

PROC = Path("/proc")
# Indices after the command's closing parenthesis; the manual counts from 1 and has two fields before.
_STATE, _SESSION, _START_TICKS, _RSS_PAGES = 0, 3, 19, 21


def require_linux() -> None:
    """Make sure that there is a process file system to ask.

    Raises:
        StackError: There is none, as on macOS.
    """
    if not (PROC / "self" / "stat").exists():
        raise StackError("the native stack needs Linux; `make up` runs the same system with Docker")


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it has ended.

    Together with the pid it names a process for good: pids are used again, a pid and its start time are not.
    """
    fields = _stat(pid)
    if not fields or fields[_STATE] in "ZX":
        return None
    return int(fields[_START_TICKS])


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM; 0 when it is gone."""
    fields = _stat(pid)
    return int(fields[_RSS_PAGES]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def age_seconds(ticks: int) -> float:
    """Return how long ago a process started that started at `ticks`."""
    uptime = float((PROC / "uptime").read_text(encoding="ascii").split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def boot_id() -> str:
    """Return what changes with every boot: start times of another boot say nothing."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def with_variable(name: str, prefixes: tuple[str, ...]) -> list[int]:
    """Return the processes that were started with a variable whose value begins like one of these.

    Those of other users are not seen, unless by root.
    """
    wanted = tuple(f"{name}={prefix}".encode() for prefix in prefixes)
    return [pid for pid in _running() if any(entry.startswith(wanted) for entry in _environment(pid))]


def in_sessions(leaders: Collection[int]) -> list[int]:
    """Return the processes of sessions that were begun by processes with these pids."""
    return [pid for pid in _running() if (fields := _stat(pid)) and int(fields[_SESSION]) in leaders]


def _running() -> list[int]:
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if start_ticks(pid) is not None]


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile, or another user's
        return []


def _stat(pid: int) -> list[str]:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # gone
        return []
    return text.rpartition(")")[2].split()
